// Package serve is the commands that start services: serve, which starts all of
// them in one process, and plansvc, payoutsvc and gateway, which start one each.
//
// What always holds: a service that cannot start, or fails, ends the process with
// one line that says why, after the others have finished what they had in flight;
// a process that is told to end finishes what is in flight first, in the order in
// which nothing loses what it still needs: gateway, payoutsvc, plansvc.
package serve
