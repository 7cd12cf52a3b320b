package local

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// fileSystems names the file systems that images are kept on, by the magic numbers of statfs(2).
func fileSystemName(magic int64) string {
	switch uint32(magic) { //nolint:gosec // the numbers have 32 bits
	case unix.XFS_SUPER_MAGIC:
		return "xfs"
	case unix.BTRFS_SUPER_MAGIC:
		return "btrfs"
	case unix.EXT4_SUPER_MAGIC:
		return "ext4"
	case unix.TMPFS_MAGIC:
		return "tmpfs"
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "overlay"
	case unix.NFS_SUPER_MAGIC:
		return "nfs"
	case unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC:
		return "smb"
	case unix.FUSE_SUPER_MAGIC:
		return "fuse"
	case unix.F2FS_SUPER_MAGIC:
		return "f2fs"
	case zfsMagic:
		return "zfs"
	case bcachefsMagic:
		return "bcachefs"
	case gfs2Magic:
		return "gfs2"
	case ocfs2Magic:
		return "ocfs2"
	case cephMagic:
		return "ceph"
	}
	return fmt.Sprintf("0x%x", uint32(magic)) //nolint:gosec // the numbers have 32 bits
}

// Numbers that package unix does not have.
const (
	zfsMagic      = 0x2fc12fc1
	bcachefsMagic = 0xca451a4e
	gfs2Magic     = 0x01161970
	ocfs2Magic    = 0x7461636f
	cephMagic     = 0x00c36400
)

// fileSystem returns the name of the file system that the folder is on; "" where that cannot be told.
func fileSystem(root *os.Root) (string, error) {
	st, err := statfs(root)
	return fileSystemName(int64(st.Type)), err //nolint:unconvert // 32 bits on some machines
}

// freeSpace returns how many bytes an ordinary user may still write.
func freeSpace(root *os.Root) (int64, error) {
	st, err := statfs(root)
	return int64(st.Bavail) * int64(st.Bsize), err //nolint:gosec,unconvert // below 2^63; 32 bits on some machines
}

func statfs(root *os.Root) (unix.Statfs_t, error) {
	var st unix.Statfs_t
	dir, err := root.Open(".")
	if err != nil {
		return st, err
	}
	defer func() { _ = dir.Close() }()
	if err := unix.Fstatfs(fd(dir), &st); err != nil {
		return st, &os.PathError{Op: "statfs", Path: root.Name(), Err: err}
	}
	return st, nil
}

func fd(f *os.File) int { return int(f.Fd()) }

// reflink makes dst share all blocks of src; errNoReflink where that cannot be.
func reflink(dst, src *os.File) error {
	err := unix.IoctlFileClone(fd(dst), fd(src))
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOTTY), errors.Is(err, unix.EXDEV), errors.Is(err, unix.EINVAL),
		errors.Is(err, unix.ENOSYS):
		return fmt.Errorf("%w: %w", errNoReflink, err)
	}
	return &os.PathError{Op: "ficlone", Path: dst.Name(), Err: err}
}

// nextData returns the first extent at or after the offset that may hold data; start is size if there is none.
func nextData(f *os.File, at, size int64) (start, end int64, err error) {
	start, err = unix.Seek(fd(f), at, unix.SEEK_DATA)
	switch {
	case errors.Is(err, unix.ENXIO):
		return size, size, nil
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EOPNOTSUPP):
		return at, size, nil // the file system knows no holes
	case err != nil:
		return 0, 0, &os.PathError{Op: "seek data", Path: f.Name(), Err: err}
	}
	end, err = unix.Seek(fd(f), start, unix.SEEK_HOLE)
	if err != nil {
		return 0, 0, &os.PathError{Op: "seek hole", Path: f.Name(), Err: err}
	}
	return min(start, size), min(end, size), nil
}

// copyRange copies inside the kernel. It may copy less than n; errors.ErrUnsupported or 0 bytes ask to copy by hand.
func copyRange(dst, src *os.File, at, n int64) (int64, error) {
	from, to := at, at
	done, err := unix.CopyFileRange(fd(src), &from, fd(dst), &to, int(n), 0)
	switch {
	case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
		return 0, nil
	case errors.Is(err, unix.EXDEV), errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EOPNOTSUPP),
		errors.Is(err, unix.EPERM), errors.Is(err, unix.EIO):
		return 0, errors.ErrUnsupported // some file systems refuse what reading and writing can do
	case err != nil:
		return 0, &os.PathError{Op: "copy_file_range", Path: dst.Name(), Err: err}
	}
	return int64(done), nil
}
