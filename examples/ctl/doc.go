// Ctl drives storagesnap from a shell: the engine's verbs, straight on an inventory and the backends of a configuration file,
// without a server. It is an example of a program around the engine, and useful as it is.
//
//	go -C examples/ctl install .
//
// # A session
//
// With a folder $DIR for everything, and ctl in the path:
//
//	mkdir $DIR/images
//	truncate -s 20M $DIR/images/disk.raw
//	echo "inventory: sqlite:$DIR/inventory.db" > $DIR/ctl.yaml
//	echo "backends: [{name: images, driver: local, config: {dir: $DIR/images}}]" >> $DIR/ctl.yaml
//	export STORAGESNAP_CONFIG=$DIR/ctl.yaml
//	ctl config check
//	ctl migrate
//	ctl check
//	ctl volume import images disk.raw --name web01
//	ctl snapshot create web01 installed
//	echo "an upgrade" >> $DIR/images/disk.raw
//	ctl snapshot create web01 upgraded --label ticket=4711
//	ctl snapshot revert web01@installed --keep before-revert --dry-run
//	ctl snapshot revert web01@installed --keep before-revert --yes
//	ctl tree web01
//	ctl snapshot clone web01@upgraded web01-test
//	ctl snapshot delete web01@upgraded --yes
//	ctl snapshot hold web01@installed audit --until 90d
//	ctl snapshot list web01 -o json
//	ctl explain web01@installed
//	ctl op list --volume web01
//	ctl audit
//
// # Configuration
//
// One YAML or JSON file, given by -c or $STORAGESNAP_CONFIG; "ctl config example" prints one to start from, and "ctl drivers"
// the fields of each driver. It is read strictly: a field that is misspelt, missing or there twice is an error. A secret is a
// text, {file: PATH} or {env: NAME}; the latter two are read at each use, so that they can be rotated. No command prints a
// secret. The inventory is sqlite:/absolute/path.db; "ctl migrate" makes it, and nothing else does.
//
// # Beside other programs
//
// Any number of programs, and of ctl, may work on one inventory. Commands that only read do not start the engine, so they
// take nothing up that another process works on or has left; nor does -n. Each process has an owner of its own in the
// leases, as no two may share one: after a ctl was killed, its operation can be taken up when its lease has ended, 30 s
// later unless the configuration says otherwise; "ctl op list --open" shows it meanwhile.
//
// A command that changes something also goes on, while it runs, with what waits for a retry or was left by dead processes.
// Where a server does that, or on a restored backup of the inventory, "manual_recovery: true" leaves it alone. "ctl op
// recover" takes it up and does nothing else; the commands below "ctl op" touch the operation only that they name.
//
// The first Ctrl-C (or SIGTERM) ends a command as the engine ends a verb: what can be undone is, and what is past its pivot
// is completed. The second one ends the process at once and leaves the rest to recovery.
//
// # Scripts
//
// -o json and -o yaml print the library's records, with the names of their JSON tags; an error is then an object on stderr.
// A command that loses something shows its plan and asks, and without a terminal needs --yes. -n prints the plan of any
// change and does nothing; with --if-plan and its version, what was planned is what is done, or nothing. With --operation-id,
// the same command can be given again after any failure and is done once.
//
//	exit status  meaning
//	0            done
//	1            failed; nothing is left behind, unless the error says otherwise
//	2            usage: the command line or the configuration is wrong
//	3            refused; nothing was done
//	4            waiting: the operation goes on, or needs a person; its id and what to do are printed
package main
