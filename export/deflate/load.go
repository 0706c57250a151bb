//go:build !checked && (amd64 || arm64 || loong64 || ppc64le || riscv64)

package deflate

import "unsafe"

// The finders load data at computed offsets several times for each byte. Bounds
// checks in these loads make them a fifth slower, so here there are none, on
// machines that are little-endian and load from any address. load_any.go is the
// same with the checks: "go test -tags checked" and "make fuzz" take it, and
// panic where a load would be out of bounds.
//
// Each call needs 0 <= i and i+width <= len(b). The finders see to it in two
// ways. Positions to look at stay below the end by margin. Candidates come from
// tables that hold positions modulo 65536, or zero, and no finder looks at a
// position before one that it has entered: so the distance that is read off a
// table is at most i, or below 65536 where i is larger.

func load8(b []byte, i int) byte {
	return *(*byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), i))
}

func load32(b []byte, i int) uint32 {
	return *(*uint32)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), i))
}

func load64(b []byte, i int) uint64 {
	return *(*uint64)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), i))
}
