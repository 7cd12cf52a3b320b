package sqlstore

import (
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
)

// Dialect is what one kind of database does in its own way. Everything else is written once, in SQL that all of them
// understand. Get one from [SQLite].
type Dialect struct {
	// name is for messages, migrations the directory of the schema's statements.
	name       string
	migrations string
	versions   goose.Dialect
	// tableCount counts the tables of one name.
	tableCount string

	// writers is how many sessions write at once, and batch how many changes one of their transactions may hold. A
	// database with one writer gains by batches: they share one flush to disk.
	writers, batch int
	// begin starts a transaction that writes.
	begin string
	// numbered: placeholders are $1, $2; else each is a question mark.
	numbered bool
	// now is the store's clock in microseconds. A database that many machines share uses its own; an embedded one takes
	// :now from the program.
	now string
	// nextSeq is one more than the largest Seq, in the order of commits; countSeq, if set, must run before it.
	nextSeq, countSeq string
	// unlessTaken ends an INSERT that shall do nothing where a unique value is taken.
	unlessTaken string
	// also stands before a column whose index shall not be used, in a database that does not know how selective each is.
	also string
	// forUpdate ends a SELECT that locks what it reads until the transaction ends.
	forUpdate string
	// fault classifies the driver's errors.
	fault func(error) fault
}

// fault is what the store has to know of an error of the database.
type fault int

const (
	// faultOther also stands for a lost connection: at a COMMIT the outcome is unknown, before it nothing is written.
	faultOther fault = iota
	// faultTaken: a unique value is taken.
	faultTaken
	// faultBusy: somebody else holds a lock for longer than the database waits; nothing is written.
	faultBusy
	// faultAgain: the database gave the way to another transaction, as for a deadlock; nothing is written, run it again.
	faultAgain
	// faultFull: no room; nothing is written.
	faultFull
	// faultReadOnly: the database or its folder cannot be opened or written; nothing is written.
	faultReadOnly
	// faultDamaged: the database is no database, or contradicts itself.
	faultDamaged
	// faultTooLarge: a value is larger than the database takes.
	faultTooLarge
)

// beforeCommit reports whether the fault says, even from a COMMIT, that nothing is written.
func (f fault) beforeCommit() bool { return f != faultOther && f != faultDamaged }

// sqlText writes a statement in the dialect. {word} is a table's or an index's name, {now}, {seq}, {also}
// and {unlessTaken} are the dialect's, and :word is a parameter, whose index in params is noted.
func (d Dialect) sqlText(prefix, text string, params []string) statement {
	var out strings.Builder
	var st statement
	for text != "" {
		at := strings.IndexAny(text, "{:")
		if at < 0 {
			out.WriteString(text)
			break
		}
		out.WriteString(text[:at])
		mark := text[at]
		word, rest := leadingWord(text[at+1:])
		text = rest
		if mark == '{' {
			text = d.expand(&out, prefix, word) + rest[1:]
			continue
		}
		st.uses = append(st.uses, indexOf(params, word))
		out.WriteString(d.placeholder(len(st.uses)))
	}
	st.text = out.String()
	return st
}

// expand writes the name of a table, or returns what stands for the word and is to be read on.
func (d Dialect) expand(out *strings.Builder, prefix, word string) string {
	switch word {
	case "now":
		return d.now
	case "seq":
		return d.nextSeq
	case "unlessTaken":
		return d.unlessTaken
	case "also":
		return d.also
	}
	out.WriteString(prefix + word)
	return ""
}

func (d Dialect) placeholder(n int) string {
	if d.numbered {
		return "$" + strconv.Itoa(n)
	}
	return "?"
}

func leadingWord(text string) (word, rest string) {
	i := 0
	for i < len(text) && (text[i] == '_' || text[i] >= 'a' && text[i] <= 'z' || text[i] >= 'A' && text[i] <= 'Z') {
		i++
	}
	return text[:i], text[i:]
}
