package main

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"

	"go.yaml.in/yaml/v2"
)

// Source: the text that K3s v1.34.3 prints after an unknown key (join failure 25). The table of flags is read
// from it, so that what the stand-in takes is what K3s takes.
//
//go:embed agent-usage.txt
var agentUsage string

var usageLine = regexp.MustCompile(`(?m)^ {3}(--?\S.*?) {2,}\(`)

type flagKind int

const (
	booleanFlag flagKind = iota
	valueFlag
	listFlag
)

type knownFlags struct {
	kinds     map[string]flagKind
	variables map[string]string // environment variable -> flag
	canonical map[string]string // short form -> flag
}

func agentFlags() knownFlags {
	flags := knownFlags{map[string]flagKind{}, map[string]string{}, map[string]string{}}
	variable := regexp.MustCompile(`\[\$(\w+)\]$`)
	for _, line := range strings.Split(agentUsage, "\n") {
		match := usageLine.FindStringSubmatch(line)
		if match == nil {
			continue
		}
		kind, main := booleanFlag, ""
		for _, word := range strings.FieldsFunc(match[1], func(r rune) bool { return r == ' ' || r == ',' }) {
			switch {
			case word == "[":
				kind = listFlag
			case strings.HasPrefix(word, "-"):
				name := strings.TrimLeft(word, "-")
				if main == "" {
					main = name
				}
				flags.canonical[name] = main
			case kind == booleanFlag && (word == "value" || word == "FILE"):
				kind = valueFlag
			}
		}
		flags.kinds[main] = kind
		if found := variable.FindStringSubmatch(strings.TrimSpace(line)); found != nil {
			flags.variables[found[1]] = main
		}
	}
	return flags
}

// Settings are K3s's flags after command line, environment and configuration files.
type Settings map[string][]string

func (s Settings) one(name, otherwise string) string {
	if values := s[name]; len(values) > 0 {
		return values[len(values)-1]
	}
	return otherwise
}

func (s Settings) yes(name string) bool { return s.one(name, "false") == "true" }

// readSettings ends the process as K3s does if a file is no YAML or a key is unknown.
func readSettings(role string, arguments []string) Settings {
	configured, err := configuredArguments()
	if err != nil {
		fatal("%s", err)
	}
	flags := agentFlags()
	settings := Settings{}
	fromEnvironment(flags, settings)
	lenient := role == "server" // K3s drops unknown keys of a server's file, not of an agent's
	if err := parseArguments(flags, append(configured, arguments...), lenient, settings); err != nil {
		fmt.Printf("Incorrect Usage: %s\n\n%s\n", err, strings.TrimPrefix(agentUsage, "\n"))
		fatal("Error: %s", err)
	}
	return settings
}

func fromEnvironment(flags knownFlags, settings Settings) {
	for variable, name := range flags.variables {
		if value := os.Getenv(variable); value != "" {
			settings[name] = []string{value}
		}
	}
}

func parseArguments(flags knownFlags, arguments []string, lenient bool, settings Settings) error {
	fresh := map[string]bool{}
	for i := 0; i < len(arguments); i++ {
		word := arguments[i]
		if !strings.HasPrefix(word, "-") {
			continue
		}
		name, value, hasValue := strings.Cut(strings.TrimLeft(word, "-"), "=")
		main, known := flags.canonical[name]
		if !known && !lenient {
			return fmt.Errorf("flag provided but not defined: -%s", name)
		}
		if !known {
			main = name
		}
		if !hasValue && flags.kinds[main] == booleanFlag && known {
			value = "true"
		} else if !hasValue {
			i++
			if i >= len(arguments) {
				return fmt.Errorf("flag needs an argument: -%s", name)
			}
			value = arguments[i]
		}
		if !fresh[main] {
			settings[main], fresh[main] = nil, true
		}
		settings[main] = append(settings[main], value)
	}
	return nil
}

// configuredArguments turns config.yaml and config.yaml.d into flags: a later file wins, `key+` appends.
func configuredArguments() ([]string, error) {
	main := os.Getenv("K3S_CONFIG_FILE")
	if main == "" {
		main = "/etc/rancher/k3s/config.yaml"
	}
	var files []string
	if _, err := os.Stat(main); err == nil {
		files = append(files, main)
	}
	more, _ := filepath.Glob(main + ".d/*")
	sort.Strings(more)
	for _, file := range more {
		if strings.HasSuffix(file, ".yaml") || strings.HasSuffix(file, ".yml") {
			files = append(files, file)
		}
	}
	values, order := map[string][]string{}, []string{}
	for _, file := range files {
		if err := readConfigFile(file, values, &order); err != nil {
			return nil, err
		}
	}
	var arguments []string
	for _, key := range order {
		for _, value := range values[key] {
			arguments = append(arguments, "--"+key+"="+value)
		}
	}
	return arguments, nil
}

func readConfigFile(file string, values map[string][]string, order *[]string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var entries yaml.MapSlice
	if err := yaml.Unmarshal(text, &entries); err != nil {
		return err
	}
	for _, entry := range entries {
		key, found := fmt.Sprint(entry.Key), asStrings(entry.Value)
		if bare, appends := strings.CutSuffix(key, "+"); appends {
			key, found = bare, append(append([]string{}, values[bare]...), found...)
		}
		if _, seen := values[key]; !seen {
			*order = append(*order, key)
		}
		values[key] = found
	}
	return nil
}

func asStrings(value any) []string {
	if list, ok := value.([]any); ok {
		var out []string
		for _, item := range list {
			out = append(out, fmt.Sprint(item))
		}
		return out
	}
	return []string{fmt.Sprint(value)}
}

var errTokenFileTimeout = errors.New("Timeout while trying to read the file")
