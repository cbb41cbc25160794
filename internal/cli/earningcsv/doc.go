// Package earningcsv reads earnings from CSV files, and writes the lines that
// were rejected so that they can be mended and imported again.
//
// The first line names the columns, in any order: plan, id, amount, currency,
// earn_time and, where there is one, description. Any other column is refused:
// a misspelt one would be lost in silence.
//
// What always holds: every line of the file, but for blank ones, comes out once
// and in order, as an earning or with what is wrong with it; a bad line never
// takes another one with it, also not by a quote that is never closed; memory
// does not grow with the file.
package earningcsv
