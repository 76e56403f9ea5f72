// Package crashtest kills real edgeflow processes, takes power, disk and memory away from
// them, and compares what they leave at a hub with what an undisturbed process leaves there.
//
// The servers live in the test's process and are not killed; the engine is the edgeflow
// binary, built once. A trial is one empty data folder and one empty stream at the hub: its
// process is killed and started again until it ends by itself, having read all of the same
// stored input. Places to kill at are named by failpoints; kills at random moments come on
// top. What only a large state goes through is gone through by variants of the program, whose
// limits are small and in which bbolt's writes and syncs are failpoints.
//
// A power failure is made of a recording: strace writes down what a process asks of the
// kernel for its files until it dies. Of what was not synced then, none, all, some or torn
// parts go into an image of the data folder, from which the pipeline goes on.
//
// The short tests take less than a minute. The long ones are asked for by flags:
//
//	go test ./agent/crashtest -run TestKills -kills 2000 -timeout 1h
//	go test ./agent/crashtest -run 'TestPowerLoss|TestSkippedSync' -images 10 -timeout 1h
//	go test ./agent/crashtest -run 'TestFailingCalls|TestMemoryLimit|TestFullDisk' -large -timeout 1h
//	go test ./agent/crashtest -run 'TestTerminated|TestTwins|TestFrozen' -terms 50 -frozen 60s -timeout 1h
//	go test ./store -run TestDamageMatrix -damages 100 -timeout 1h
//
// -seed chooses other places and moments, and -where places by a part of their names. What a
// machine cannot give, such as strace, mounts or control groups, is skipped with the reason.
//
// It has tests only.
package crashtest
