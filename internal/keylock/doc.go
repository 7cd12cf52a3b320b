// Package keylock locks by key, first come first served, and gives up when a context ends.
package keylock
