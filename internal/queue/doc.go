// Package queue takes work from Redis Streams, as one of any number of consumers, and keeps what cannot be done apart.
//
// A queue NAME is so many streams, NAME:{0} to NAME:{n-1}, each in a slot of a Cluster of its own choice. Whoever
// produces adds an entry to any of them; it is plain fields and values. What cannot be done goes to the stream
// NAME:dead, with its fields as they came and three more:
//
//	dead.source    where it came from: the stream, a blank, the entry's id there
//	dead.reason    a stable UPPER_SNAKE_CASE word
//	dead.message   one sentence for people
//
// What always holds:
//
//   - An entry is acknowledged when it is done, or is in the dead letters, and not before. So it is handed out at least
//     once, and more often where a consumer died or an answer was lost: the work itself has to be harmless twice.
//   - The entries that a consumer has had for 10 seconds are claimed by another one: it is dead, or still trying, and then
//     both try.
//   - An entry stands in the dead letters once, however often it was handed out.
//   - While the work is out, or Redis is, nothing is lost and nothing is read ahead: it goes on where it stood.
//   - A stream is trimmed of what every group has acknowledged, so it does not grow for ever.
package queue
