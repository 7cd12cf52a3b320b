package snapshot

import (
	"fmt"
	"math"
	"time"
)

// sizeText writes a size in bytes with a binary unit: "20 GiB", "1.5 TiB". At most 8 columns.
func sizeText(size int64) string {
	unit, value := "B", float64(size)
	for _, u := range []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"} {
		if value < 1023.5 {
			break
		}
		unit, value = u, value/1024
	}
	if tenths := math.Round(value * 10); tenths < 100 && math.Mod(tenths, 10) != 0 {
		return fmt.Sprintf("%.1f %s", tenths/10, unit)
	}
	return fmt.Sprintf("%.0f %s", value, unit)
}

// ageText writes how long before now a time was, in the largest unit that leaves a number to think about: seconds below a
// minute, minutes below an hour, hours below two days, days below two years.
func ageText(now, at time.Time) string {
	const day = 24 * time.Hour
	age, form := now.Sub(at), "%d%s ago"
	if age < 0 {
		age, form = -age, "in %d%s"
	}
	switch {
	case at.IsZero():
		return "-"
	case age < time.Minute:
		return fmt.Sprintf(form, age/time.Second, "s")
	case age < time.Hour:
		return fmt.Sprintf(form, age/time.Minute, "m")
	case age < 2*day:
		return fmt.Sprintf(form, age/time.Hour, "h")
	case age < 2*365*day:
		return fmt.Sprintf(form, age/day, "d")
	}
	return fmt.Sprintf(form, age/(365*day), "y")
}
