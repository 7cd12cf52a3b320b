package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
)

const (
	imageSize = 8 << 20
	block     = 4 << 10
)

// makeImage writes a small image of deterministic content, with holes, and returns its path.
func makeImage(dir string) (string, error) {
	path := filepath.Join(dir, "source.raw")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", err
	}
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	err = f.Truncate(imageSize)
	for at := uint64(0); at < imageSize && err == nil; at += 4 * block { // a block of data, three of hole
		_, err = f.WriteAt(pattern(at, block), int64(at))
	}
	return path, errors.Join(err, f.Close())
}

// pattern is n bytes that depend on the seed only.
func pattern(seed uint64, n int) []byte {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(key).Read(b) // never fails
	return b
}

// copyImage copies the source to a new file in the folder of images.
func copyImage(source, target string) error {
	in, err := os.Open(source)
	if err != nil {
		return fmt.Errorf("the image: %w", err)
	}
	defer func() { _ = in.Close() }()
	info, err := in.Stat()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("the image %s is not a regular file", source)
	case info.Size() == 0:
		return fmt.Errorf("the image %s is empty", source)
	}
	out, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

// scribble changes bytes of the image as a guest would: at the begin, in the middle and at the end.
func scribble(path string, seed uint64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	size, err := f.Seek(0, io.SeekEnd)
	for i, at := range []int64{0, size / 2, size - 1} {
		n := min(block, size-at)
		if err == nil {
			_, err = f.WriteAt(pattern(seed<<2|uint64(i), int(n)), at)
		}
	}
	return errors.Join(err, f.Sync(), f.Close())
}

// sum is the SHA-256 of a file's whole content.
func sum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
