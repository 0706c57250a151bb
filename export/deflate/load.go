//go:build amd64 || arm64 || loong64 || ppc64le || riscv64

package deflate

import "unsafe"

// The finders load data at computed offsets several times for each byte. With
// bounds checks in these loads all levels take about a tenth longer, so here
// they are left out, on machines that are little-endian and load from any
// address. load_any.go is the same with the checks.
//
// Each call needs 0 <= i and i+width <= len(b), which the finders see to in two
// ways. Positions to compress stay below limit (see margin). Candidates come
// from tables that hold positions modulo 65536, all of them before i, or zero:
// so the distance that is read off a table is at most i, or at most 65536 where
// i is larger.

func load8(b []byte, i int) byte {
	return *(*byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), i))
}

func load32(b []byte, i int) uint32 {
	return *(*uint32)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), i))
}

func load64(b []byte, i int) uint64 {
	return *(*uint64)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), i))
}
