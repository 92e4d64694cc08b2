// The same as client.py, with grpc-go.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/health" // healthCheckConfig is ignored without it.
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/grpc/status"
)

type job struct {
	Addresses []string
	Authority string
	Config    json.RawMessage `json:"service_config"`
	AtLeast   int             `json:"at_least"`
	Workers   int
	Rate      float64
	Deadline  float64
	Calls     []struct {
		Method  string
		Message []byte
	}
}

// Messages go out and come in as they are.
type asIs struct{}

func (asIs) Marshal(v any) ([]byte, error)      { return *v.(*[]byte), nil }
func (asIs) Unmarshal(data []byte, v any) error { *v.(*[]byte) = append([]byte(nil), data...); return nil }
func (asIs) Name() string                       { return "proto" }

func dial(j job) *grpc.ClientConn {
	addresses := make([]resolver.Address, len(j.Addresses))
	for i, address := range j.Addresses {
		addresses[i] = resolver.Address{Addr: address}
	}
	replicas := manual.NewBuilderWithScheme("replicas")
	replicas.InitialState(resolver.State{Addresses: addresses})
	connection, err := grpc.NewClient(replicas.Scheme()+":///countersign",
		grpc.WithResolvers(replicas),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(string(j.Config)),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(asIs{})),
	)
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	connection.Connect()
	for state := connection.GetState(); state != connectivity.Ready; state = connection.GetState() {
		if !connection.WaitForStateChange(ctx, state) {
			log.Fatal("not connected: ", state)
		}
	}
	return connection
}

func main() {
	var j job
	text, err := os.ReadFile(os.Args[1])
	if err == nil {
		err = json.Unmarshal(text, &j)
	}
	if err != nil {
		log.Fatal(err)
	}
	connection := dial(j)
	defer connection.Close()
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()

	var mutex sync.Mutex
	done, slowest, failed := 0, time.Duration(0), map[string]int{}
	call := func() {
		mutex.Lock()
		next := j.Calls[done%len(j.Calls)]
		done++
		mutex.Unlock()
		begun := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(j.Deadline*float64(time.Second)))
		defer cancel()
		var answer []byte
		err := connection.Invoke(ctx, next.Method, &next.Message, &answer)
		mutex.Lock()
		defer mutex.Unlock()
		slowest = max(slowest, time.Since(begun))
		if err != nil {
			failed[fmt.Sprintf("%s: %s", status.Code(err), status.Convert(err).Message())]++
		} else if len(answer) == 0 {
			failed["an empty answer"]++
		}
	}
	enough := func() bool {
		mutex.Lock()
		defer mutex.Unlock()
		return stop.Err() != nil && done >= j.AtLeast
	}

	fmt.Println("ready")
	var workers sync.WaitGroup
	pause := time.Duration(float64(j.Workers) / j.Rate * float64(time.Second))
	for number := range j.Workers {
		workers.Go(func() {
			due := time.Now().Add(pause * time.Duration(number) / time.Duration(j.Workers))
			for !enough() {
				time.Sleep(time.Until(due))
				if due = due.Add(pause); due.Before(time.Now()) {
					due = time.Now()
				}
				call()
			}
		})
	}
	workers.Wait()
	summary, err := json.Marshal(map[string]any{"calls": done, "failed": failed, "slowest_ms": slowest.Milliseconds()})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(summary))
}
