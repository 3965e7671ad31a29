# SPDX-License-Identifier: MIT
"""Everything of the client that pub/sub touches; prints one line per finding."""
import json

from dapr.clients import DaprClient
from dapr.clients.exceptions import DaprGrpcError
from dapr.clients.grpc._response import TopicEventResponse



def next_of(subscription):
    """None means that the stream was opened again."""
    while True:
        message = subscription.next_message()
        if message is not None:
            return message


with DaprClient() as client:
    client.wait(5)
    stream = client.subscribe("pubsub", "orders", dead_letter_topic="dead")
    letters = client.subscribe("pubsub", "dead")
    for number in range(3):
        client.publish_event("pubsub", "orders", json.dumps({"id": number}), data_content_type="application/json",
                             publish_metadata={"cloudevent.subject": "tests"})
        message = next_of(stream)
        while message.data()["id"] < number:  # one that was too slow for processingTimeout comes again
            stream.respond_success(message)
            message = next_of(stream)
        print("streamed", message.data(), message.pubsub_name(), message.topic(), flush=True)
        if number == 1:
            stream.respond_drop(message)
            letter = next_of(letters)
            print("letter", letter.data(), letter.extensions()["deadletterreason"], flush=True)
            letters.respond_success(letter)
        else:
            stream.respond_success(message)
    names = sorted(component.name for component in client.get_metadata().registered_components)
    print("components", names, flush=True)
    client.set_metadata("answer", "42")
    print("extended", client.get_metadata().extended_metadata["answer"], flush=True)
    stream.close()
    letters.close()
    try:
        client.publish_event("nowhere", "orders", "x")
    except DaprGrpcError as error:
        print("refused", error.code().name, error.details(), error.error_code(), flush=True)

    got = []
    close = client.subscribe_with_handler("pubsub", "handled", lambda m: (got.append(m.data()),
                                                                         TopicEventResponse("success"))[1])
    for number in range(20):
        client.publish_event("pubsub", "handled", json.dumps(number), data_content_type="application/json")
    import time
    end = time.monotonic() + 10
    while len(got) < 20 and time.monotonic() < end:
        time.sleep(0.02)
    print("handled", sorted(got) == list(range(20)), flush=True)
    close()
    client.shutdown()
