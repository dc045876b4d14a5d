package main

import (
	"encoding/json/v2"
	"fmt"
	"os"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

const violationsMax = 20

type contract struct {
	active  uint32
	schemas map[uint32]*jsonschema.Schema
}

// contracts says what the events must look like, by name.
type contracts map[string]contract

// readContracts reads {"<event>": {"active": 2, "versions": {"1": <schema>, "2": <schema>}}}.
func readContracts(file string) (contracts, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var entries map[string]struct {
		Active   uint32         `json:"active"`
		Versions map[uint32]any `json:"versions"`
	}
	if err := json.Unmarshal(text, &entries); err != nil {
		return nil, err
	}
	read := make(contracts, len(entries))
	for name, entry := range entries {
		schemas := make(map[uint32]*jsonschema.Schema, len(entry.Versions))
		for version, document := range entry.Versions {
			url := fmt.Sprintf("contract:///%s/%d", name, version)
			compiler := jsonschema.NewCompiler()
			if err := compiler.AddResource(url, document); err != nil {
				return nil, err
			}
			if schemas[version], err = compiler.Compile(url); err != nil {
				return nil, err
			}
		}
		read[name] = contract{active: entry.Active, schemas: schemas}
	}
	return read, nil
}

// validate returns the version of the schema that the properties follow. Version 0 asks for the active one.
func (known contracts) validate(name string, version uint32, properties any) (uint32, *fault) {
	found, ok := known[name]
	if !ok {
		return 0, faultAt("unplanned_event", "No contract has this name.", "/event_name")
	}
	if version == 0 {
		version = found.active
	}
	schema, ok := found.schemas[version]
	if !ok {
		return 0, faultAt("unknown_schema_version", "The event has no such version.", "/schema_version")
	}
	err := schema.Validate(properties)
	if err == nil {
		return version, nil
	}
	broken := &fault{Code: "schema_violation", Message: "The properties break the schema of the event."}
	if invalid, ok := err.(*jsonschema.ValidationError); ok {
		broken.addViolations(invalid)
	}
	return 0, broken
}

var (
	printer = message.NewPrinter(language.English)
	// RFC 6901.
	escaped = strings.NewReplacer("~", "~0", "/", "~1")
)

// addViolations adds the leaves of a tree of errors: the keywords that were broken.
func (broken *fault) addViolations(invalid *jsonschema.ValidationError) {
	for _, cause := range invalid.Causes {
		broken.addViolations(cause)
	}
	if len(invalid.Causes) > 0 {
		return
	}
	path := "/properties"
	for _, member := range invalid.InstanceLocation {
		path += "/" + escaped.Replace(member)
	}
	keywords := invalid.ErrorKind.KeywordPath()
	code, text := keywords[len(keywords)-1], invalid.ErrorKind.LocalizedString(printer)
	switch found := invalid.ErrorKind.(type) {
	case *kind.Required:
		broken.addMembers(path, found.Missing, code, text)
	case *kind.AdditionalProperties:
		broken.addMembers(path, found.Properties, code, text)
	default:
		broken.add(violation{path, code, text})
	}
}

// addMembers names each member that is missing, or that should not be there.
func (broken *fault) addMembers(path string, members []string, code, text string) {
	for _, member := range members {
		broken.add(violation{path + "/" + escaped.Replace(member), code, text})
	}
}

func (broken *fault) add(found violation) {
	if len(broken.Violations) < violationsMax {
		broken.Violations = append(broken.Violations, found)
	}
}
