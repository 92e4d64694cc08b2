#!/usr/bin/env bash
# Does a gRPC client with a retry policy try again after a status that is not among its retryableStatusCodes, if the server sends
# grpc-retry-pushback-ms with it?
#
# Guess: no. The policy names the codes that may be retried; the pushback only says when.
#
# Seen: grpc-java does. A pushback of 0 or more makes it retry whatever the code, as long as there are attempts. grpcio does not. So a server
# that sends a pushback with RESOURCE_EXHAUSTED makes a Java client, whose policy names UNAVAILABLE alone, wait and call again; if the
# pause is longer than the deadline, the caller gets DEADLINE_EXCEEDED and never sees the status or its details. A method without any retry policy
# is not retried.
#
#   no policy, pushback 50:                     1 call,  RESOURCE_EXHAUSTED
#   policy for UNAVAILABLE, no pushback:        1 call,  RESOURCE_EXHAUSTED
#   policy for UNAVAILABLE, pushback 50:        3 calls, RESOURCE_EXHAUSTED     (grpcio: 1 call)
#   policy for UNAVAILABLE, pushback 60000:     1 call,  DEADLINE_EXCEEDED      (grpcio: RESOURCE_EXHAUSTED)
#   policy for UNAVAILABLE, pushback -1:        1 call,  RESOURCE_EXHAUSTED
#
# Versions: grpc-java 1.85.1, Java 17, grpcio 1.85.1. Seen on 2026-11-28. Takes Maven and a JDK.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check grpcio==1.85.1
cat >pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>finding</groupId>
  <artifactId>finding</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>io.grpc</groupId><artifactId>grpc-netty-shaded</artifactId><version>1.85.1</version></dependency>
    <dependency><groupId>io.grpc</groupId><artifactId>grpc-stub</artifactId><version>1.85.1</version></dependency>
  </dependencies>
</project>
XML
mvn --quiet --batch-mode org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=jars

# A server that refuses every call, with the pushback that the call asks for, and prints its port.
cat >Refuse.java <<'JAVA'
import io.grpc.*;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.ClientCalls;
import java.io.*;
import java.net.InetSocketAddress;
import java.util.*;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

public class Refuse {
    static final Metadata.Key<String> WANTED = Metadata.Key.of("wanted", Metadata.ASCII_STRING_MARSHALLER);
    static final Metadata.Key<String> PUSHBACK = Metadata.Key.of("grpc-retry-pushback-ms", Metadata.ASCII_STRING_MARSHALLER);
    static final MethodDescriptor.Marshaller<byte[]> BYTES = new MethodDescriptor.Marshaller<>() {
        public InputStream stream(byte[] value) { return new ByteArrayInputStream(value); }
        public byte[] parse(InputStream stream) {
            try { return stream.readAllBytes(); } catch (IOException error) { throw new UncheckedIOException(error); }
        }
    };
    static final MethodDescriptor<byte[], byte[]> METHOD = MethodDescriptor.<byte[], byte[]>newBuilder(BYTES, BYTES)
        .setType(MethodDescriptor.MethodType.UNARY).setFullMethodName("test.Service/Refuse").build();
    static final Map<String, Object> POLICY = Map.of("methodConfig", List.of(Map.of(
        "name", List.of(Map.of("service", "test.Service")),
        "retryPolicy", Map.of("maxAttempts", 3.0, "initialBackoff", "0.1s", "maxBackoff", "1s", "backoffMultiplier", 2.0,
            "retryableStatusCodes", List.of("UNAVAILABLE")))));

    public static void main(String[] arguments) throws Exception {
        var calls = new AtomicInteger();
        ServerCallHandler<byte[], byte[]> refuse = (call, headers) -> {
            calls.incrementAndGet();
            var trailers = new Metadata();
            if (headers.containsKey(WANTED)) trailers.put(PUSHBACK, headers.get(WANTED));
            call.close(Status.RESOURCE_EXHAUSTED.withDescription(calls.toString()), trailers);
            return new ServerCall.Listener<>() {};
        };
        var server = NettyServerBuilder.forAddress(new InetSocketAddress("127.0.0.1", 0))
            .addService(ServerServiceDefinition.builder("test.Service").addMethod(METHOD, refuse).build()).build().start();
        for (var entry : List.of(new String[] {"no", "50"}, new String[] {"yes", null}, new String[] {"yes", "50"},
                new String[] {"yes", "60000"}, new String[] {"yes", "-1"})) {
            var builder = ManagedChannelBuilder.forTarget("dns:///127.0.0.1:" + server.getPort()).usePlaintext();
            if (entry[0].equals("yes")) builder.defaultServiceConfig(POLICY);
            ManagedChannel channel = builder.build();
            var headers = new Metadata();
            if (entry[1] != null) headers.put(WANTED, entry[1]);
            calls.set(0);
            Status.Code code;
            try {
                ClientCalls.blockingUnaryCall(ClientInterceptors.intercept(channel, io.grpc.stub.MetadataUtils.newAttachHeadersInterceptor(headers)),
                    METHOD, CallOptions.DEFAULT.withDeadlineAfter("60000".equals(entry[1]) ? 3 : 60, TimeUnit.SECONDS), new byte[0]);
                code = Status.Code.OK;
            } catch (StatusRuntimeException error) {
                code = error.getStatus().getCode();
            }
            System.out.printf("java policy=%s pushback=%s calls=%d %s%n", entry[0], entry[1], calls.get(), code);
            channel.shutdownNow();
        }
        // Until its standard input ends.
        System.out.println(server.getPort());
        System.in.read();
        server.shutdownNow();
    }
}
JAVA
javac -nowarn -cp 'jars/*' Refuse.java

cat >compare.py <<'PYTHON'
import json
import subprocess
import sys

import grpc

POLICY = {"methodConfig": [{"name": [{"service": "test.Service"}], "retryPolicy": {
    "maxAttempts": 3, "initialBackoff": "0.1s", "maxBackoff": "1s", "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]}}]}
EXPECTED = [
    "java policy=no pushback=50 calls=1 RESOURCE_EXHAUSTED",
    "java policy=yes pushback=null calls=1 RESOURCE_EXHAUSTED",
    "java policy=yes pushback=50 calls=3 RESOURCE_EXHAUSTED",
    "java policy=yes pushback=60000 calls=1 DEADLINE_EXCEEDED",
    "java policy=yes pushback=-1 calls=1 RESOURCE_EXHAUSTED",
    "python policy=yes pushback=50 calls=1 RESOURCE_EXHAUSTED",
    "python policy=yes pushback=60000 calls=1 RESOURCE_EXHAUSTED",
]
with subprocess.Popen(["java", "-cp", "jars/*:.", "Refuse"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
    seen = [server.stdout.readline().strip() for _ in range(5)]
    port, last = int(server.stdout.readline()), 0
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.service_config", json.dumps(POLICY))]) as channel:
        for pushback in ("50", "60000"):
            try:
                channel.unary_unary("/test.Service/Refuse")(b"", timeout=30, metadata=(("wanted", pushback),), wait_for_ready=True)
            except grpc.RpcError as error:
                # The server says how many calls there were, the last of the Java client among them.
                calls, last = int(error.details()) - (last or 1), int(error.details())
                seen.append(f"python policy=yes pushback={pushback} calls={calls} {error.code().name}")
    server.stdin.close()
print(*seen, sep="\n")
if seen != EXPECTED:
    sys.exit("this is not what was seen before")
PYTHON
timeout 120 venv/bin/python compare.py
