// Package listing is what every list call does alike, whatever it lists: pages
// that stay stable while entries come and go, filters in the language of
// AIP-160, orders of AIP-132, and the merging of a store's partitions.
package listing
