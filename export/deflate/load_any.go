//go:build checked || !(amd64 || arm64 || loong64 || ppc64le || riscv64)

package deflate

import "encoding/binary"

func load8(b []byte, i int) byte { return b[i] }

func load32(b []byte, i int) uint32 { return binary.LittleEndian.Uint32(b[i:]) }

func load64(b []byte, i int) uint64 { return binary.LittleEndian.Uint64(b[i:]) }
