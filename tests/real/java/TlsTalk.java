import com.google.gson.Gson;
import com.google.gson.JsonParser;
import countersign.auth.v1.IntrospectTokenRequest;
import countersign.auth.v1.TokenServiceGrpc;
import io.grpc.Grpc;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Introspects tokens over TLS as the guide has it: one request a line of standard input, as test_tls_clients.py has it. */
public class TlsTalk {
    /** Kept for as long as the files have the same names. */
    static final Map<List<String>, ManagedChannel> CHANNELS = new HashMap<>();

    static File file(String path) {
        return path.isEmpty() ? null : new File(path);
    }

    static ManagedChannel channel(List<String> names) throws Exception {
        if (!CHANNELS.containsKey(names)) {
            var credentials = Tls.tls(file(names.get(1)), file(names.get(2)), file(names.get(3)));
            CHANNELS.put(names, Grpc.newChannelBuilder("dns:///" + names.get(0), credentials).build());
        }
        return CHANNELS.get(names);
    }

    public static void main(String[] arguments) throws Exception {
        var lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            var in = JsonParser.parseString(line).getAsJsonObject();
            var names = List.of("target", "authority", "certificate", "key").stream().map(name -> in.get(name).getAsString()).toList();
            Map<String, Object> answer;
            try {
                var stub = TokenServiceGrpc.newBlockingStub(channel(names)).withDeadlineAfter(10, TimeUnit.SECONDS);
                var request = IntrospectTokenRequest.newBuilder().setToken(in.get("token").getAsString()).build();
                answer = Map.of("active", stub.introspectToken(request).getActive());
            } catch (StatusRuntimeException error) {
                answer = Map.of("error", error.getStatus().getCode().name(), "message", error.toString());
            }
            System.out.println(new Gson().toJson(answer));
        }
    }
}
