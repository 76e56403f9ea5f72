package events_test

//go:generate go run github.com/edgeflow/edgeflow/cmd/edgeflow generate --types events.sql -o .
