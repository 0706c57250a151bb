package export

import (
	"fmt"

	"cdds"
	"cdds/cms"
	"cdds/source"
)

// The bytes of a zip that come after an entry's data, at most: data
// descriptor, directory record with its extra fields, end of directory, each in
// its 64-bit form.
const zipTrailer = 24 + 46 + 28 + 9 + 56 + 20 + 22

// full is the part of a split size below which what is left is not worth
// filling.
const full = 64

// makeRoom sees to it that the present part can take a line of that length:
// it begins a part or an entry where there is none, and a new part where the
// line could make the present one larger than the split size.
func (r *run) makeRoom(e source.Entity, length int64) error {
	if r.part == nil {
		return r.begin(e)
	}
	if r.part.entry == nil {
		if r.spec.SplitSize == 0 {
			return r.part.openEntry(e, fileName(e, r.spec.RunID, 0))
		}
		return r.nextPart(e)
	}
	if r.spec.SplitSize == 0 {
		return nil
	}
	fits, err := r.part.fits(length)
	if err != nil || fits {
		return err
	}
	// What is in flight was counted at its worst. Knowing its real size gives
	// room, unless the part is nearly full.
	if err := r.part.drain(); err != nil {
		return err
	}
	left, err := r.part.left()
	if err != nil {
		return err
	}
	fits, err = r.part.fits(length)
	if err != nil {
		return err
	}
	if fits && left >= r.spec.SplitSize/full {
		return nil
	}
	return r.nextPart(e)
}

// begin opens the first part and its entry.
func (r *run) begin(e source.Entity) error {
	number := 0
	if r.spec.SplitSize > 0 {
		r.parts++
		number = r.parts
	}
	p, err := r.openPart(number)
	if err != nil {
		return err
	}
	r.part = p
	return p.openEntry(e, fileName(e, r.spec.RunID, number))
}

// nextPart ends the present part and begins another.
func (r *run) nextPart(e source.Entity) error {
	if err := r.closePart(); err != nil {
		return err
	}
	return r.begin(e)
}

// closeEntry ends the present file, if there is one: the next record is of
// another kind. A part of a split run ends with it.
func (r *run) closeEntry() error {
	if r.part == nil || r.part.entry == nil {
		return nil
	}
	if r.spec.SplitSize > 0 {
		return r.closePart()
	}
	return r.part.closeEntry()
}

// closePart ends the present part, if there is one.
func (r *run) closePart() error {
	if r.part == nil {
		return nil
	}
	p := r.part
	r.part = nil
	artifact, err := p.close()
	if err != nil {
		return err
	}
	r.result.Artifacts = append(r.result.Artifacts, artifact)
	return nil
}

// fits reports whether the part stays within the split size with one more line
// of that length, at the worst.
func (p *part) fits(length int64) (bool, error) {
	worst, err := p.worst(int64(len(p.block.raw)) + length)
	return worst <= p.run.spec.SplitSize, err
}

// left is how much smaller than the split size the part would be if it ended
// now.
func (p *part) left() (int64, error) {
	worst, err := p.worst(0)
	return p.run.spec.SplitSize - worst, err
}

// worst is the most that the finished artifact can have when that much
// plaintext is added to what is in flight.
func (p *part) worst(raw int64) (int64, error) {
	if err := p.zip.Flush(); err != nil {
		return 0, storageFailure(err)
	}
	zipped := p.zipped.n + p.bound + int64(len(finalBlock())) + zipTrailer + int64(len(p.file.Name))
	if raw > 0 {
		zipped += deflateBound(raw)
	}
	return cms.Size(zipped, p.run.spec.Recipients)
}

// fileName is the name of a file inside of a zip. Files of a split run carry
// the part's number, so that all parts can be unpacked into one folder.
func fileName(e source.Entity, runID string, number int) string {
	name := "Interaction-"
	switch e {
	case source.Attachment:
		name = "Interaction-Attachment-"
	case source.Contact:
		name = "Contact-"
	}
	name += runID
	if number > 0 {
		name += fmt.Sprintf("-%04d", number)
	}
	return name + ".json"
}

// recipientsOf are the recipients' SHA-256 fingerprints.
func recipientsOf(spec Spec) []Recipient {
	out := make([]Recipient, 0, len(spec.Recipients))
	for _, c := range spec.Recipients {
		out = append(out, Recipient{Fingerprint: cdds.Fingerprint(c), Subject: c.Subject.String(), NotAfter: c.NotAfter.UTC()})
	}
	return out
}
