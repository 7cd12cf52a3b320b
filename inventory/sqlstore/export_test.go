package sqlstore

// Labels lets a test read a column of labels the fast way.
func Labels(text string) (map[string]string, bool) { return plainLabels(text) }

// Text lets a test see a statement in a dialect with numbered placeholders, or without.
func Text(numbered bool, prefix, text string, params []string) (string, []int) {
	d := SQLite()
	d.numbered = numbered
	st := d.sqlText(prefix, text, params)
	return st.text, st.uses
}
