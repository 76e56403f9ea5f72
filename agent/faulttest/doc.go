// Package faulttest runs a pipeline between real JetStream servers, and does to servers and
// links what happens to them where nobody can walk up: servers are killed, stopped, rolled back,
// emptied and filled, alone and three together; links are cut, go silent, lose packets and are
// slow. Whatever happens, the hub must come to hold what an undisturbed run leaves there, row by
// row, with outbox sequences that have neither hole nor repetition, and the accounts must balance;
// or the pipeline must stop and say what to do.
//
// The test's binary starts itself again, as a nats-server or as an edgeflow. Links lead through a
// relay in the test that cuts, swallows or delays bytes. Those that are slow or lose packets are
// real IP between two network namespaces, whose two TUN devices the test joins: they need root
// and /dev/net/tun, nothing of the kernel's traffic control, and vanish with the test's process.
//
// The plain tests take less than 30 seconds. Longer ones are asked for by flags:
//
//	go test ./agent/faulttest -run TestClusterLeaderKilled -faults 20 -timeout 30m
//	go test ./agent/faulttest -run 'TestCut|TestSilent' -cut 3m -timeout 30m
//	go test ./agent/faulttest -run 'TestTakenOver|TestFollowerStopped' -frozen 1m -timeout 30m
//	go test ./agent/faulttest -run TestSlowLink -slow -timeout 30m
//
// It has tests only.
package faulttest
