package local

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/storagesnap/storagesnap/driver"
)

// holders names who has the file open: processes, as far as /proc shows them to us, and loop devices. Our own descriptor
// does not count.
func holders(f *os.File) []driver.Blocker {
	info, err := f.Stat()
	if err != nil {
		return nil
	}
	found := append(processes(f, info), loops(info)...)
	if len(found) == 0 {
		return []driver.Blocker{{Kind: "process", ID: "unknown", Name: "not visible to this user or on this machine"}}
	}
	return found
}

func processes(f *os.File, info os.FileInfo) []driver.Blocker {
	base := filepath.Base(f.Name())
	own := strconv.Itoa(os.Getpid()) + "/fd/" + strconv.Itoa(fd(f))
	paths, _ := filepath.Glob("/proc/[0-9]*/fd/*") // the pattern is well-formed
	var found []driver.Blocker
	seen := map[string]int{}
	for _, path := range paths {
		// Looking at the target may wait for a dead network file system, so only files of that name are looked at.
		target, err := os.Readlink(path)
		if err != nil || filepath.Base(strings.TrimSuffix(target, " (deleted)")) != base || path == "/proc/"+own {
			continue
		}
		if there, err := os.Stat(path); err != nil || !os.SameFile(there, info) {
			continue
		}
		pid, rest, _ := strings.Cut(strings.TrimPrefix(path, "/proc/"), "/fd/")
		kind := kindOfHold(pid, rest)
		if i, ok := seen[pid]; ok {
			if kind == "lock" {
				found[i].Kind = kind
			}
			continue
		}
		seen[pid] = len(found)
		name, _ := os.ReadFile("/proc/" + pid + "/comm")
		found = append(found, driver.Blocker{Kind: kind, ID: pid, Name: strings.TrimSpace(string(name))})
	}
	return found
}

// kindOfHold is "lock" if the descriptor holds a lock, else "process".
func kindOfHold(pid, descriptor string) string {
	text, _ := os.ReadFile("/proc/" + pid + "/fdinfo/" + descriptor)
	if strings.Contains(string(text), "\nlock:") {
		return "lock"
	}
	return "process"
}

func loops(info os.FileInfo) []driver.Blocker {
	paths, _ := filepath.Glob("/sys/block/loop*/loop/backing_file") // the pattern is well-formed
	var found []driver.Blocker
	for _, path := range paths {
		backing, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if there, err := os.Stat(strings.TrimSpace(string(backing))); err == nil && os.SameFile(there, info) {
			device := strings.Split(path, "/")[3]
			found = append(found, driver.Blocker{Kind: "loop", ID: "/dev/" + device})
		}
	}
	return found
}
