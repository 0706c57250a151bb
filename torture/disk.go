package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// diskSize is large enough for all files of a round.
const diskSize = "64m"

// errNoDisk means that this machine does not let us mount a file system.
var errNoDisk = errors.New("a small disk cannot be mounted here, which needs root: the service was not tried on a full disk")

// disk is a small file system in memory that can be filled.
type disk struct {
	folder  string
	ballast string // a file beside the artifacts, of no business of the service
}

// mountDisk mounts a small file system on a folder.
func mountDisk(folder string) (*disk, error) {
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "mode=0700,size="+diskSize); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoDisk, err)
	}
	return &disk{folder: folder, ballast: filepath.Join(folder, "ballast")}, nil
}

// fill takes all of the room that is left.
func (d *disk) fill() error {
	file, err := os.OpenFile(d.ballast, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("fill the disk: %w", err)
	}
	for err == nil {
		_, err = file.Write(make([]byte, 64<<10))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return errors.Join(fmt.Errorf("fill the disk: %w", err), file.Close())
	}
	return file.Close()
}

// free gives the room back.
func (d *disk) free() error {
	if err := os.Remove(d.ballast); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("free the disk: %w", err)
	}
	return nil
}

// unmount removes the file system with all that is on it.
func (d *disk) unmount() error {
	if err := syscall.Unmount(d.folder, 0); err != nil {
		return fmt.Errorf("unmount the small disk %s: %w", d.folder, err)
	}
	return nil
}
