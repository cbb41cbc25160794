// Package name reads the names of resources as people write them, on the command
// line and in earnings as text: in full, or in short without the words that say nothing new.
//
// What is not a name comes back as it is: the service refuses it, and says why.
package name

import "strings"

// Plan makes "contoso/azure.coop.fy26" the full name
// "partners/contoso/plans/azure.coop.fy26".
func Plan(short string) string {
	partner, plan, ok := strings.Cut(short, "/")
	if !ok || strings.Contains(plan, "/") {
		return short
	}
	return Partner(partner) + "/plans/" + plan
}

// Partner makes "contoso" the full name "partners/contoso".
func Partner(short string) string { return within("partners/", short) }

// Program makes "azure" the full name "programs/azure".
func Program(short string) string { return within("programs/", short) }

func within(collection, short string) string {
	if strings.HasPrefix(short, collection) {
		return short
	}
	return collection + short
}

// ShortPlan is Plan backwards, for tables: what they show can be typed again.
// Of the name of something in a plan it is the plan's.
func ShortPlan(full string) string {
	parts := strings.SplitN(full, "/", 5)
	if len(parts) < 4 || parts[0] != "partners" || parts[2] != "plans" {
		return full
	}
	return parts[1] + "/" + parts[3]
}

// ProgramOf is the program's id in the name of a program, or of something in it.
func ProgramOf(full string) string {
	program, _, _ := strings.Cut(strings.TrimPrefix(full, "programs/"), "/")
	return program
}

// ID is the last part of a name.
func ID(full string) string { return full[strings.LastIndexByte(full, '/')+1:] }
