// Package storagesnap is documentation only; the packages below it are the library.
package storagesnap
