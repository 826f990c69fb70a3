package main

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

// K3s logs with logrus: the same line form.
func logLine(level, format string, arguments ...any) {
	now := time.Now().UTC().Format(time.RFC3339)
	fmt.Fprintf(os.Stderr, "time=%q level=%s msg=%s\n", now, level, strconv.Quote(fmt.Sprintf(format, arguments...)))
}

func info(format string, arguments ...any)    { logLine("info", format, arguments...) }
func warning(format string, arguments ...any) { logLine("warning", format, arguments...) }
func problem(format string, arguments ...any) { logLine("error", format, arguments...) }

// fatal ends the process with status 1, as K3s does for what is wrong before it has started anything.
func fatal(format string, arguments ...any) {
	logLine("fatal", format, arguments...)
	os.Exit(1)
}
