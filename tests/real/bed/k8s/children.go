package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

const exitReasonVariable = "BED_EXIT_REASON"

// starts carries every fork to the main goroutine, whose thread lives as long as the process.
var starts = make(chan func())

// serveStarts is the main goroutine's work; it returns the status to exit with.
func serveStarts(done <-chan int) int {
	for {
		select {
		case start := <-starts:
			start()
		case status := <-done:
			return status
		}
	}
}

// child is a running program that dies with its parent.
type child struct {
	name   string
	ended  chan struct{}
	reason string // valid after ended: why, in the program's own words where it has some
	cmd    *exec.Cmd
}

// startChild runs a program whose output goes to `log`, or to ours if it is nil.
func startChild(log io.Writer, program string, arguments ...string) (*child, error) {
	cmd := exec.Command(program, arguments...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if log != nil {
		cmd.Stdout, cmd.Stderr = log, log
	}
	cmd.Env = childEnvironment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.ExtraFiles = []*os.File{writer}
	failed := make(chan error)
	starts <- func() { failed <- cmd.Start() }
	err = <-failed
	writer.Close()
	if err != nil {
		return nil, err
	}
	c := &child{name: program[strings.LastIndex(program, "/")+1:], ended: make(chan struct{}), cmd: cmd}
	go c.wait(reader)
	return c, nil
}

func (c *child) wait(reason io.Reader) {
	err := c.cmd.Wait()
	text, _ := io.ReadAll(reason)
	c.reason = "exit status 0"
	if err != nil {
		c.reason = err.Error()
	}
	if len(text) > 0 {
		c.reason = string(text)
	}
	close(c.ended)
}

// component starts one of this binary's own Kubernetes programs.
func component(name string, arguments ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return startChild(nil, self, append([]string{name}, arguments...)...)
}

// childEnvironment lacks systemd's socket: a kubelet that speaks to it would make the unit ready too early.
func childEnvironment() []string {
	environment := []string{exitReasonVariable + "=3"}
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "NOTIFY_SOCKET=") {
			environment = append(environment, entry)
		}
	}
	return environment
}

// notifyReady tells systemd that the unit is up.
func notifyReady() error {
	socket := os.Getenv("NOTIFY_SOCKET")
	if socket == "" {
		return nil
	}
	descriptor, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("notify socket: %w", err)
	}
	defer syscall.Close(descriptor)
	if strings.HasPrefix(socket, "@") {
		socket = "\x00" + socket[1:]
	}
	return syscall.Sendto(descriptor, []byte("READY=1\n"), 0, &syscall.SockaddrUnix{Name: socket})
}

// waitForEtcd waits until it takes connections.
func waitForEtcd() error {
	for ; ; time.Sleep(50 * time.Millisecond) {
		if connection, err := net.Dial("tcp", "127.0.0.1:2379"); err == nil {
			return connection.Close()
		}
	}
}
