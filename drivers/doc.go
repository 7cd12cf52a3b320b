// Package drivers takes in every driver and host of this module by blank imports: a program that imports it can open any of
// them by name.
//
//	import _ "github.com/storagesnap/storagesnap/drivers"
//
// A program that uses one array imports that driver's package instead. The drivers: local (image files in a folder).
//
// # Errors
//
// None: [github.com/storagesnap/storagesnap/driver.Open] names the registered drivers when it is asked for another one.
//
// # Concurrency
//
// Registration happens in init functions, before anything runs at once.
package drivers
