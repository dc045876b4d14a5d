package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
)

type field struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Mode string `json:"mode,omitempty"`
}

type table struct {
	mu      sync.Mutex
	version int
	made    map[string]any
	fields  []field
	rows    []map[string]any
}

type fake struct {
	mu      sync.Mutex
	tables  map[string]*table
	streams map[string]*stream
	made    int
}

func nameOf(project, dataset, id string) string {
	return fmt.Sprintf("projects/%s/datasets/%s/tables/%s", project, dataset, id)
}

func (f *fake) table(name string) *table {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tables[name]
}

func (t *table) etag() string { return fmt.Sprintf(`"v%d"`, t.version) }

func (t *table) answer(answer http.ResponseWriter) {
	body := map[string]any{"kind": "bigquery#table", "etag": t.etag()}
	for key, value := range t.made {
		body[key] = value
	}
	body["schema"] = map[string]any{"fields": t.fields}
	answer.Header().Set("content-type", "application/json")
	_ = json.NewEncoder(answer).Encode(body)
}

func fail(answer http.ResponseWriter, status int, text string) {
	answer.Header().Set("content-type", "application/json")
	answer.WriteHeader(status)
	_ = json.NewEncoder(answer).Encode(map[string]any{"error": map[string]any{"code": status, "message": text}})
}

func schemaIn(body map[string]any) ([]field, error) {
	text, err := json.Marshal(body["schema"])
	if err != nil {
		return nil, err
	}
	var schema struct{ Fields []field }
	err = json.Unmarshal(text, &schema)
	return schema.Fields, err
}

const datasetMissing = "missing"

func (f *fake) serveTables(mux *http.ServeMux) {
	const path = "/bigquery/v2/projects/{project}/datasets/{dataset}/tables"
	mux.HandleFunc("POST "+path, func(answer http.ResponseWriter, asked *http.Request) {
		var body map[string]any
		if err := json.NewDecoder(asked.Body).Decode(&body); err != nil {
			fail(answer, 400, err.Error())
			return
		}
		if asked.PathValue("dataset") == datasetMissing {
			fail(answer, 404, "Not found: Dataset "+datasetMissing)
			return
		}
		fields, err := schemaIn(body)
		if err != nil || len(fields) == 0 {
			fail(answer, 400, "a schema is needed")
			return
		}
		reference := body["tableReference"].(map[string]any)
		name := nameOf(asked.PathValue("project"), asked.PathValue("dataset"), reference["tableId"].(string))
		delete(body, "schema")
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.tables[name] != nil {
			fail(answer, 409, "Already Exists: Table "+name)
			return
		}
		f.tables[name] = &table{version: 1, made: body, fields: fields}
		f.tables[name].answer(answer)
	})
	one := func(handle func(*table, http.ResponseWriter, *http.Request)) http.HandlerFunc {
		return func(answer http.ResponseWriter, asked *http.Request) {
			name := nameOf(asked.PathValue("project"), asked.PathValue("dataset"), asked.PathValue("table"))
			found := f.table(name)
			if found == nil {
				fail(answer, 404, "Not found: Table "+name)
				return
			}
			found.mu.Lock()
			defer found.mu.Unlock()
			handle(found, answer, asked)
		}
	}
	mux.HandleFunc("GET "+path+"/{table}", one(func(t *table, answer http.ResponseWriter, _ *http.Request) {
		t.answer(answer)
	}))
	mux.HandleFunc("PATCH "+path+"/{table}", one(func(t *table, answer http.ResponseWriter, asked *http.Request) {
		if match := asked.Header.Get("if-match"); match != "" && match != t.etag() {
			fail(answer, 412, "Precondition Failed")
			return
		}
		var body map[string]any
		_ = json.NewDecoder(asked.Body).Decode(&body)
		fields, err := schemaIn(body)
		if err != nil || len(fields) < len(t.fields) {
			fail(answer, 400, "Provided Schema does not match: a field is missing in the new schema")
			return
		}
		for at, known := range t.fields {
			if fields[at].Name != known.Name || fields[at].Type != known.Type {
				fail(answer, 400, "Provided Schema does not match: field "+known.Name)
				return
			}
		}
		t.fields = fields
		t.version++
		t.answer(answer)
	}))
	mux.HandleFunc("DELETE "+path+"/{table}", func(_ http.ResponseWriter, asked *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		name := nameOf(asked.PathValue("project"), asked.PathValue("dataset"), asked.PathValue("table"))
		delete(f.tables, name)
		f.forgetStreams(name)
	})
	// For tests alone: the rows of a table, a line each, and an end of all streams.
	mux.HandleFunc("GET "+path+"/{table}/rows", one(func(t *table, answer http.ResponseWriter, _ *http.Request) {
		lines := json.NewEncoder(answer)
		for _, row := range t.rows {
			_ = lines.Encode(row)
		}
	}))
	mux.HandleFunc("GET "+path+"/{table}/count", one(func(t *table, answer http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(answer, len(t.rows))
	}))
	mux.HandleFunc("POST /forget-streams", func(http.ResponseWriter, *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.forgetStreams("")
	})
}
