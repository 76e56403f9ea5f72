// Command device plays MQTT thermometers of the guided tour: it publishes readings to an
// MQTT broker, as a real device would.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

type reading struct {
	Device  string    `json:"device"`
	Celsius float64   `json:"celsius"`
	TS      time.Time `json:"ts"`
}

func main() {
	broker := flag.String("broker", "tcp://127.0.0.1:1883", "MQTT broker")
	devices := flag.Int("devices", 3, "number of thermometers")
	every := flag.Duration("every", 200*time.Millisecond, "time between readings of a device")
	duration := flag.Duration("duration", 20*time.Second, "how long to publish")
	flag.Parse()

	client := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(*broker).SetClientID("edgeflow-tour"))
	if t := client.Connect(); t.Wait() && t.Error() != nil {
		log.Fatalf("connect to %s: %v (is edgeflow running with --embedded-mqtt?)", *broker, t.Error())
	}
	defer client.Disconnect(250)

	tick := time.NewTicker(*every)
	defer tick.Stop()
	sent := 0
	for began := time.Now(); time.Since(began) < *duration; <-tick.C {
		for d := range *devices {
			// Each device swings slowly around its own mean; the last one is too warm.
			warm := 3 + 2.5*float64(d) + 2*math.Sin(time.Since(began).Seconds()/3+float64(d))
			body, err := json.Marshal(reading{fmt.Sprintf("thermo-%d", d+1), math.Round(warm*100) / 100, time.Now().UTC().Truncate(time.Millisecond)})
			if err != nil {
				log.Fatal(err)
			}
			if t := client.Publish(fmt.Sprintf("sensors/depot/thermo-%d", d+1), 1, false, body); t.Wait() && t.Error() != nil {
				log.Fatalf("publish: %v", t.Error())
			}
			sent++
		}
	}
	fmt.Printf("%d readings published\n", sent)
}
