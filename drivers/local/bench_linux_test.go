package local_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/drivers/local"
)

// BenchmarkSnapshot compares a durable snapshot with cp --reflink=always of the same file, which makes nothing durable: a
// 10 GiB image of which 512 MiB are written, on XFS. It reports the ratio of the medians; the aim is at most 1.2.
func BenchmarkSnapshot(b *testing.B) {
	dir := mountLoop(b, "30G", "mkfs.xfs", "-q", "-m", "reflink=1")
	path := filepath.Join(dir, "disk.raw")
	f, err := os.Create(path)
	require.NoError(b, err)
	require.NoError(b, f.Truncate(10<<30))
	for i := range int64(512) {
		_, err := f.WriteAt(noise(mib, uint64(i)), i*20*mib)
		require.NoError(b, err)
	}
	require.NoError(b, f.Sync())
	require.NoError(b, f.Close())
	d := open(b, local.Config{Dir: dir, Reflink: local.ReflinkAlways})
	var ours, theirs []time.Duration
	for b.Loop() {
		// Neither pays for what the other has left to do: the log is flushed, and nothing is removed, which XFS would do behind.
		flush(b, dir)
		begun := time.Now()
		take(b, d, disk)
		ours = append(ours, time.Since(begun))
		flush(b, dir)
		begun = time.Now()
		command(b, "cp", "--reflink=always", path, path+"."+strconv.Itoa(len(theirs)))
		theirs = append(theirs, time.Since(begun))
	}
	b.ReportMetric(median(ours).Seconds()*1000, "ms/snapshot")
	b.ReportMetric(median(theirs).Seconds()*1000, "ms/cp")
	b.ReportMetric(float64(median(ours))/float64(median(theirs)), "ratio")
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}
