package export

import (
	"archive/zip"
	"math"
	"time"
)

// Bytes of the records of a zip (APPNOTE.TXT, section 4.3) as archive/zip
// writes them for a file whose sizes follow its data.
const (
	zipLocal      = 30
	zipDescriptor = 16
	zipDirectory  = 46
	zipEnd        = 22
	// What files of 4 GiB and more add: wider sizes in the descriptor, the extra
	// field of the directory, and a second end of the directory with its locator.
	zip64Extra = 8 + 28 + 56 + 20
)

// Versions of the format (section 4.4.3): deflate needs 2.0, zip64 needs 4.5.
const (
	zipVersion   = 20
	zipVersion64 = 45
)

// zipSize is how large a zip with one file is: exactly for files below 4 GiB,
// and at most for others.
func zipSize(name int, packed, plain int64) int64 {
	size := zipLocal + int64(name) + packed + zipDescriptor + zipDirectory + int64(name) + zipEnd
	if max(packed, plain, size) >= math.MaxUint32 {
		size += zip64Extra
	}
	return size
}

// newHeader returns the header of a file whose content is written already
// deflated and whose sizes are not known before. It makes the same window give
// the same header: the window's end dates the file.
//
// A local header cannot say whether the sizes behind the data will have 32 or
// 64 bits when nobody knows them yet. They have 64 bits only where one of them
// needs it, as archive/zip, Info-ZIP and Java write and expect it; the always
// permitted 64 bits are not understood by many readers of streams.
func newHeader(name string, at time.Time) *zip.FileHeader {
	h := &zip.FileHeader{Name: name, Method: zip.Deflate, CreatorVersion: zipVersion64, ReaderVersion: zipVersion}
	h.ModifiedDate, h.ModifiedTime = dosTime(at.UTC()) //nolint:staticcheck // CreateRaw writes these and leaves Modified alone
	h.SetMode(0o600)
	h.Flags = flagDescriptor | flagUTF8
	return h
}

// setSizes completes a header when its content is written.
func setSizes(h *zip.FileHeader, crc uint32, packed, plain int64) {
	h.CRC32 = crc
	h.CompressedSize64, h.UncompressedSize64 = uint64(packed), uint64(plain)
	h.CompressedSize = uint32(min(packed, math.MaxUint32))  //nolint:staticcheck // the data descriptor is written from it
	h.UncompressedSize = uint32(min(plain, math.MaxUint32)) //nolint:staticcheck // as above
	if max(packed, plain) >= math.MaxUint32 {
		h.ReaderVersion = zipVersion64
	}
}

// dosTime is an instant in the form of zip directories, which know the years
// 1980 to 2107 in steps of two seconds. Others become the nearest that fits.
func dosTime(t time.Time) (date, clock uint16) {
	first := time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
	last := time.Date(2107, 12, 31, 23, 59, 58, 0, time.UTC)
	if t.Before(first) {
		t = first
	}
	if t.After(last) {
		t = last
	}
	date = uint16((t.Year()-1980)<<9 | int(t.Month())<<5 | t.Day())
	clock = uint16(t.Hour()<<11 | t.Minute()<<5 | t.Second()/2)
	return date, clock
}
