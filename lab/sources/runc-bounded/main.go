// Command runc-bounded removes the capabilities that this machine's bounding set lacks from the container's
// specification and then executes runc. Docker before 23 requests all capabilities for a privileged container.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// names lists the capabilities in the kernel's order (linux/capability.h): the index is the bit number.
var names = strings.Fields(`CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP
	LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO
	SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE
	AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON
	BPF CHECKPOINT_RESTORE`)

// valued holds runc's global options that take their value as a separate argument.
var valued = map[string]bool{"--root": true, "--log": true, "--log-format": true, "--criu": true, "--rootless": true}

func main() {
	if err := bound(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "runc-bounded:", err)
		os.Exit(1)
	}
	runc, err := exec.LookPath("runc")
	if err != nil {
		runc = "/usr/sbin/runc"
	}
	err = syscall.Exec(runc, append([]string{"runc"}, os.Args[1:]...), os.Environ())
	fmt.Fprintln(os.Stderr, "runc-bounded: cannot run", runc+":", err)
	os.Exit(1)
}

// bound edits the specification file that the command refers to, if the command starts a process.
func bound(args []string) error {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		if valued[args[0]] && len(args) > 1 {
			args = args[1:]
		}
		args = args[1:]
	}
	if len(args) == 0 {
		return nil
	}
	missing, err := missing()
	if err != nil {
		return err
	}
	switch args[0] {
	case "create", "run", "restore":
		return edit(filepath.Join(option(args, "bundle", "."), "config.json"), missing, "process", "capabilities")
	case "exec":
		if file := option(args, "process", ""); file != "" {
			return edit(file, missing, "capabilities")
		}
	}
	return nil
}

// option returns the value of an option given as --name VALUE, --name=VALUE or in the one-letter form.
func option(args []string, name, fallback string) string {
	for i, arg := range args {
		for _, form := range []string{"--" + name, "-" + name, "-" + name[:1]} {
			if arg == form && i+1 < len(args) {
				return args[i+1]
			}
			if strings.HasPrefix(arg, form+"=") {
				return arg[len(form)+1:]
			}
		}
	}
	return fallback
}

// missing returns the names of the capabilities that the bounding set lacks.
func missing() (map[string]bool, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil, err
	}
	_, rest, found := strings.Cut(string(status), "CapBnd:")
	if !found {
		return nil, fmt.Errorf("/proc/self/status has no CapBnd")
	}
	set, err := strconv.ParseUint(strings.Fields(rest)[0], 16, 64)
	if err != nil {
		return nil, err
	}
	lacking := map[string]bool{}
	for bit, name := range names {
		if set&(1<<bit) == 0 {
			lacking["CAP_"+name] = true
		}
	}
	return lacking, nil
}

// edit removes the missing capabilities from every list in the object at path in the JSON file, and changes
// nothing else.
func edit(file string, missing map[string]bool, path ...string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	changed, err := within(text, path, func(lists map[string][]string) {
		for kind, list := range lists {
			kept := []string{}
			for _, name := range list {
				if !missing[name] {
					kept = append(kept, name)
				}
			}
			lists[kind] = kept
		}
	})
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	fresh := file + ".bounded"
	if err := os.WriteFile(fresh, changed, info.Mode().Perm()); err != nil {
		return err
	}
	return os.Rename(fresh, file)
}

// within applies change to the object at path and leaves all other values as written.
func within(text []byte, path []string, change func(map[string][]string)) ([]byte, error) {
	if len(path) == 0 {
		lists := map[string][]string{}
		if err := json.Unmarshal(text, &lists); err != nil {
			return nil, err
		}
		change(lists)
		return json.Marshal(lists)
	}
	object := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &object); err != nil {
		return nil, err
	}
	inner, there := object[path[0]]
	if !there || string(inner) == "null" {
		return text, nil
	}
	changed, err := within(inner, path[1:], change)
	if err != nil {
		return nil, err
	}
	object[path[0]] = changed
	return json.Marshal(object)
}
