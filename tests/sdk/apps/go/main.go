// SPDX-License-Identifier: MIT

// The Go SDK. sdk serve PORT: an application with a topic and a method. sdk call APP: publishes, keeps states, reads
// secrets and invokes a method of APP, over the sidecar of DAPR_GRPC_PORT; a line for each finding.
package main

import (
	"context"
	"fmt"
	"os"
	"sort"

	"github.com/dapr/go-sdk/client"
	"github.com/dapr/go-sdk/service/common"
	"github.com/dapr/go-sdk/service/grpc"
)

func check(err error) {
	if err != nil {
		fmt.Println("failed", err)
		os.Exit(1)
	}
}

func serve(port string) {
	service, err := grpc.NewService("127.0.0.1:" + port)
	check(err)
	topic := &common.Subscription{PubsubName: "pubsub", Topic: "orders"}
	check(service.AddTopicEventHandler(topic, func(_ context.Context, event *common.TopicEvent) (bool, error) {
		fmt.Println("Received message:", string(event.RawData), event.DataContentType)
		return false, nil
	}))
	check(service.AddServiceInvocationHandler("echo",
		func(_ context.Context, in *common.InvocationEvent) (*common.Content, error) {
			text := fmt.Sprintf("%s %s %s %s", in.Verb, in.ContentType, in.QueryString, in.Data)
			return &common.Content{Data: []byte(text), ContentType: "text/plain"}, nil
		}))
	fmt.Println("serving")
	check(service.Start())
}

func states(ctx context.Context, dapr client.Client) {
	const store = "store"
	check(dapr.SaveState(ctx, store, "name", []byte("bob"), nil))
	first, err := dapr.GetState(ctx, store, "name", nil)
	check(err)
	fmt.Println("saved", string(first.Value), first.Etag != "")
	check(dapr.SaveStateWithETag(ctx, store, "name", []byte("alice"), first.Etag, nil))
	err = dapr.SaveStateWithETag(ctx, store, "name", []byte("eve"), first.Etag, nil,
		client.WithConcurrency(client.StateConcurrencyFirstWrite))
	fmt.Println("stale", err)
	check(dapr.SaveBulkState(ctx, store, &client.SetStateItem{Key: "a", Value: []byte("1")},
		&client.SetStateItem{Key: "b", Value: []byte("2")}))
	check(dapr.ExecuteStateTransaction(ctx, store, nil, []*client.StateOperation{
		{Type: client.StateOperationTypeUpsert, Item: &client.SetStateItem{Key: "c", Value: []byte("3")}},
		{Type: client.StateOperationTypeDelete, Item: &client.SetStateItem{Key: "a"}},
	}))
	items, err := dapr.GetBulkState(ctx, store, []string{"name", "a", "b", "c"}, nil, 2)
	check(err)
	sort.Slice(items, func(i, j int) bool { return items[i].Key < items[j].Key })
	for _, item := range items {
		fmt.Println("bulk", item.Key, string(item.Value), item.Error)
	}
	check(dapr.DeleteState(ctx, store, "name", nil))
	gone, err := dapr.GetState(ctx, store, "name", nil)
	check(err)
	fmt.Println("deleted", len(gone.Value))
	_, err = dapr.GetState(ctx, "nowhere", "name", nil)
	fmt.Println("unknown", err)
}

func secrets(ctx context.Context, dapr client.Client) {
	one, err := dapr.GetSecret(ctx, "secrets", "plain", nil)
	check(err)
	all, err := dapr.GetBulkSecret(ctx, "secrets", nil)
	check(err)
	fmt.Println("secrets", one, all)
}

func invoke(ctx context.Context, dapr client.Client, app string) {
	got, err := dapr.InvokeMethod(ctx, app, "echo?a=1", "get")
	fmt.Println("get", string(got), err)
	got, err = dapr.InvokeMethodWithContent(ctx, app, "echo", "put",
		&client.DataContent{Data: []byte("hello"), ContentType: "text/plain"})
	fmt.Println("put", string(got), err)
	_, err = dapr.InvokeMethod(ctx, app, "nothing", "post")
	fmt.Println("missing", err)
	_, err = dapr.InvokeMethod(ctx, "nobody", "echo", "post")
	fmt.Println("nobody", err)
}

func call(app string) {
	ctx := context.Background()
	dapr, err := client.NewClient()
	check(err)
	defer dapr.Close()
	for n := 0; n < 5; n++ {
		check(dapr.PublishEvent(ctx, "pubsub", "orders", map[string]int{"id": n}))
	}
	failed := dapr.PublishEvents(ctx, "pubsub", "orders", []interface{}{"one", "two"})
	fmt.Println("published", failed.Error, len(failed.FailedEvents))
	states(ctx, dapr)
	secrets(ctx, dapr)
	invoke(ctx, dapr, app)
	fmt.Println("done")
}

func main() {
	if os.Args[1] == "serve" {
		serve(os.Args[2])
	} else {
		call(os.Args[2])
	}
}
