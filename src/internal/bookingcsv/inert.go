package bookingcsv

import "strings"

// Inert are cells that no program for spreadsheets runs as formulas: one that could be taken
// for a formula begins with an apostrophe more (Read takes it off).
func Inert(cells ...string) []string {
	for i, c := range cells {
		if isFormula(strings.TrimLeft(c, "'")) {
			cells[i] = "'" + c
		}
	}
	return cells
}

func isFormula(cell string) bool {
	return cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0]))
}

// live is a cell as it was before it was written to a CSV file.
func live(cell string) string {
	if rest, quoted := strings.CutPrefix(cell, "'"); quoted && isFormula(strings.TrimLeft(rest, "'")) {
		return rest
	}
	return cell
}
