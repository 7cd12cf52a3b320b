package sqlstore

import (
	"fmt"
	"slices"
	"strings"
)

// statement is one statement in the dialect's form. uses says, for each placeholder, which of the parameters it is.
type statement struct {
	text string
	uses []int
}

// pick returns the statement's arguments out of all parameters of the table.
func (s statement) pick(all []any) []any {
	args := make([]any, len(s.uses))
	for i, use := range s.uses {
		args[i] = all[use]
	}
	return args
}

func indexOf(params []string, name string) int {
	i := slices.Index(params, name)
	if i < 0 {
		panic(fmt.Sprintf("sqlstore: statement with the unknown parameter %q", name)) // found by any test that opens a store
	}
	return i
}

// table describes one table, so that its statements can be put together.
type table struct {
	name    string
	columns []string
	// params are the names of the statements' parameters: the columns, then what the conditions need besides.
	params []string
	// indexed columns stand in an index.
	indexed map[string]bool
}

// newTable reads the columns, where a star marks those that stand in an index.
func newTable(name, columns string, more ...string) table {
	t := table{name: name, indexed: make(map[string]bool)}
	for word := range strings.FieldsSeq(columns) {
		column, indexed := strings.CutSuffix(word, "*")
		t.columns = append(t.columns, column)
		t.indexed[column] = indexed
	}
	t.params = slices.Concat(t.columns, more)
	return t
}

// insert writes a row, or nothing where a unique value is taken. The values of some columns are expressions.
func (t table) insert(values map[string]string) string {
	list := make([]string, len(t.columns))
	for i, column := range t.columns {
		list[i] = ":" + column
		if value, found := values[column]; found {
			list[i] = value
		}
	}
	return fmt.Sprintf("INSERT INTO {%s} (%s) VALUES (%s){unlessTaken}",
		t.name, strings.Join(t.columns, ", "), strings.Join(list, ", "))
}

// update writes all columns of the row for which the condition holds, but those named in keep.
func (t table) update(values map[string]string, where string, keep ...string) string {
	return t.set(t.columns, values, where, keep)
}

// touch is the update for the common case that no indexed column changes: it asks for that instead of writing them, so
// that the database leaves the indexes alone. It finds no row in the other case.
func (t table) touch(values map[string]string, where string, keep ...string) string {
	var plain []string
	for _, column := range t.columns {
		_, written := values[column]
		switch {
		case !t.indexed[column] || written:
			plain = append(plain, column)
		case !slices.Contains(keep, column):
			where += fmt.Sprintf(" AND %s = :%s", column, column)
		}
	}
	return t.set(plain, values, where, keep)
}

func (t table) set(columns []string, values map[string]string, where string, keep []string) string {
	var list []string
	for _, column := range columns {
		if slices.Contains(keep, column) {
			continue
		}
		value, found := values[column]
		if !found {
			value = ":" + column
		}
		list = append(list, column+" = "+value)
	}
	return fmt.Sprintf("UPDATE {%s} SET %s WHERE %s", t.name, strings.Join(list, ", "), where)
}
