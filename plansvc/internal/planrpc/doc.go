// Package planrpc answers the calls of the plan service: it reads a request,
// lets the domain decide inside the store's update, and writes the answer.
//
// All that is wrong with a request is answered at once, whether reading found
// it or a rule: what reading finds goes along in the plan.Call. For that reason
// nothing is validated in front of the handlers; the limits that the protos
// publish are those of the domain, and a test holds the two together.
package planrpc
