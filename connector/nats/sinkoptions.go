package nats

var sinkOnlyKeys = []string{}
