// Package nats reads JetStream streams and describes how to reach NATS servers.
//
// Terms: a source reads one stream, whole or some of its subjects, in stream order. Its
// position is {stream, created, sequence, arrival time, hash of that message}; it is kept
// by the caller and verified whenever reading begins, at the start and after every
// reconnect. A transport is a source's connection, of nats.go: the wire transport takes the
// frames of the source's subscription off it in place, the client transport takes messages
// as nats.go makes them. The intake takes in what is delivered, the keeper sets up what
// delivers: a consumer, an incarnation of the source after its place. The window is what
// the server may send without being asked again.
//
// Invariants: a message is never skipped silently. The consumer is ephemeral, named and
// without acknowledgements; a hole in its consumer sequence means loss on the way and
// makes the source begin anew after the last message it has, as do a heartbeat that tells
// of more than came and a server that shows no sign of life. What the server may send is
// bounded, by two pull requests or by its flow control, so nothing is ever dropped for want
// of room, and the connection stays alive while nobody polls. What an earlier incarnation
// delivers is never taken. The wire transport hands message bytes out in place: parsing
// allocates nothing.
//
// The package imports the engine's connector interfaces and nothing else of the engine;
// it must not import store, sync or agent.
package nats
