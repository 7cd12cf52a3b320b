// Package local is a driver for plain image files: raw disks as QEMU/KVM, bhyve and loop devices use them. The backend is a
// folder, a volume is a regular file in it, and a snapshot shares the image's blocks where the file system can reflink
// (XFS, btrfs), and is a full copy that keeps holes where it cannot. A blank import registers it as "local":
//
//	d, err := driver.Open("local", driver.OpenRequest{Config: []byte(`{"dir": "/var/lib/images"}`)})
//
// # Words
//
//   - folder: [Config].Dir; all that the driver does stays below it, whatever names and symbolic links are put in its way
//   - image: a regular file directly in the folder; its name ([A-Za-z0-9_][A-Za-z0-9._-]*) is the native id of the volume.
//     Files with other names, symbolic links, devices and folders are no volumes
//   - snapshot id: "image/token". It names the file .storagesnap/volumes/image/token.img
//   - fence: proof that nobody else has an image open, held while it is replaced, deleted or copied in full
//
// # Layout
//
//	disk.raw                                   an image
//	.storagesnap/backend.json                  the backend's id, made by the first Describe
//	.storagesnap/locks/disk.raw                held by flock while a call changes disk.raw; else absent
//	.storagesnap/volumes/disk.raw/TOKEN.img    a snapshot's content, read only
//	.storagesnap/volumes/disk.raw/TOKEN.json   its record; written last: a snapshot exists if both are there
//	.storagesnap/volumes/disk.raw/volume.json  token and origin of an image that Clone or CreateVolume made
//	.storagesnap/volumes/disk.raw/reverts.json the tokens of the reverts that were applied
//
// Snapshots outlive their image. An image that is renamed by hand leaves its snapshots under the old name, and a file that
// takes the name of a deleted image takes over what that has left. A copy of the whole folder is another backend with the
// same id: delete backend.json in the copy.
//
// # Contract
//
// A reflink is atomic against writes, so a live image can be snapshotted; the snapshot is crash-consistent. A full copy is
// not: it is refused with ErrInUse while anybody has the image open for writing, and given up when somebody opens it
// meanwhile. Revert makes the snapshot's content a new file and renames it over the image, so it is all or nothing, and
// owner and mode are carried over; hard links to the image, extended attributes and access lists are not.
// Everything is durable when a call returns. Whatever a dead process has left is removed by the next call that
// changes the same volume and by Describe; what belongs to a living one is held by its lock and left alone.
//
// On Linux the fence is a write lease (fcntl F_SETLEASE), which the kernel grants only if no descriptor of the file is open
// on this machine, mapped files and loop devices included; flock and byte-range locks (QEMU's) are tested and taken as well,
// and are all that another machine's use of a network file system can be seen by. Where the file system has leases,
// [driver.Facts].RevertFenced is set. A program that has begun to open the image in the microseconds of the rename
// may get the replaced file; this is logged. On other systems only flock (LockFileEx on Windows) is tested, RevertFenced
// is not set, and whoever ignores locks is not seen.
//
// # Errors
//
// Classes are those of package driver. A folder that is missing, or that is not the one described before (an unmounted
// file system), is ErrUnavailable and never ErrNotFound, which would be conclusive. A full file system, a quota,
// Config.MaxSnapshots and Config.MinFree are ErrExhausted, and nothing of the call is left. ErrInUse names processes and
// loop devices by kind "lock" (it holds a lock on the file), "process" or "loop", as far as this process may see them.
// A failure after the record was published is ErrIndeterminate.
//
// # Concurrency
//
// All methods may be called from any number of goroutines and processes of one machine at once; of several machines, where
// the file system passes flock on (NFS does). Calls that change one volume wait for each other, within ctx; reads wait for
// nobody, except a Lookup with Resume and FindClone, which must be conclusive.
package local
