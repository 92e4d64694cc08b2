import com.google.gson.Gson;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import countersign.auth.v1.GetJwksRequest;
import countersign.auth.v1.RegisterRequest;
import countersign.auth.v1.ResendCodeRequest;
import countersign.auth.v1.TokenServiceGrpc;
import countersign.auth.v1.Tokens;
import io.grpc.StatusRuntimeException;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/** Does with the guide's client what each line of standard input says, and answers with a line. tests/real/test_languages.py has the words. */
public class Talk {
    static final io.grpc.ManagedChannel CHANNEL = Client.connect();
    static final Client CLIENT = new Client(CHANNEL);
    static final TokenServiceGrpc.TokenServiceBlockingStub TOKEN = TokenServiceGrpc.newBlockingStub(CHANNEL);
    static final ExecutorService POOL = Executors.newCachedThreadPool(Talk::daemon);
    static Load load;

    static Thread daemon(Runnable work) {
        Thread thread = new Thread(work);
        thread.setDaemon(true);
        return thread;
    }

    static Map<String, Object> details(StatusRuntimeException error) throws Exception {
        var details = Client.detailsOf(error);
        var found = new HashMap<String, Object>(Map.of("code", error.getStatus().getCode().name()));
        found.put("reason", details.reason());
        found.put("retryAfter", details.retryAfter() == null ? null : details.retryAfter().toMillis() / 1000.0);
        return found;
    }

    static class Load {
        final List<Future<?>> workers = new ArrayList<>();
        final Map<String, Integer> failures = new HashMap<>();
        int calls;
        int enough = Integer.MAX_VALUE;
        long last = System.nanoTime();
        long gap;

        Load(int count, long pause, String username, String password) {
            for (int at = 0; at < count; at++) workers.add(POOL.submit(() -> work(pause, username, password)));
        }

        Void work(long pause, String username, String password) throws Exception {
            for (int at = 0; ; at++) {
                String code = "OK";
                try {
                    if (at % 50 != 0) TOKEN.withDeadlineAfter(10, TimeUnit.SECONDS).getJwks(GetJwksRequest.getDefaultInstance());
                    else CLIENT.login(username, password);
                } catch (StatusRuntimeException error) {
                    code = error.getStatus().getCode().name();
                }
                synchronized (this) {
                    calls++;
                    if (code.equals("OK")) {
                        long now = System.nanoTime();
                        gap = Math.max(gap, now - last);
                        last = now;
                    } else failures.merge(code, 1, Integer::sum);
                    if (calls >= enough) return null;
                }
                Thread.sleep(pause);
            }
        }

        Map<String, Object> end(int atLeast) throws Exception {
            synchronized (this) {
                enough = atLeast;
            }
            for (var worker : workers) worker.get();
            return Map.of("calls", calls, "failures", failures, "gap", gap / 1e9);
        }
    }

    static List<String> crowd(int count, String prefix, String password) throws Exception {
        var calls = new ArrayList<Future<String>>();
        for (int at = 0; at < count; at++) {
            String name = prefix + at;
            calls.add(POOL.submit(() -> {
                try {
                    var request = RegisterRequest.newBuilder().setUsername(name).setEmail(name + "@example.com").setPassword(password);
                    CLIENT.register(request.build());
                    return "OK";
                } catch (StatusRuntimeException error) {
                    return details(error).toString();
                }
            }));
        }
        var results = new ArrayList<String>();
        for (var call : calls) results.add(call.get());
        return results;
    }

    static Map<String, Object> tokens(Tokens tokens) {
        return Map.of("tokens", Map.of("access_token", tokens.getAccessToken(), "refresh_token", tokens.getRefreshToken()));
    }

    static String text(JsonObject in, String name) {
        return in.has(name) ? in.get(name).getAsString() : "";
    }

    static Map<String, Object> perform(JsonObject in) throws Exception {
        switch (text(in, "op")) {
            case "register": {
                var user = CLIENT.register(RegisterRequest.newBuilder()
                    .setUsername(text(in, "username")).setEmail(text(in, "email")).setPassword(text(in, "password"))
                    .setTwoFactor(in.has("two_factor") && in.get("two_factor").getAsBoolean()).setRequestId(text(in, "request_id")).build());
                return Map.of("user", Map.of("id", user.getId(), "username", user.getUsername(), "two_factor_enabled", user.getTwoFactorEnabled()));
            }
            case "login": {
                var answer = CLIENT.login(text(in, "username"), text(in, "password"));
                if (answer.hasTokens()) return tokens(answer.getTokens());
                return Map.of("challenge", Map.of("challenge_id", answer.getChallenge().getChallengeId()));
            }
            case "verify":
                return tokens(CLIENT.verifyCode(text(in, "challenge_id"), text(in, "code")));
            case "refresh":
                return tokens(CLIENT.refresh(text(in, "refresh_token"), text(in, "request_id")));
            case "resend":
                CLIENT.auth().resendCode(ResendCodeRequest.newBuilder().setChallengeId(text(in, "challenge_id")).build());
                return Map.of();
            case "crowd":
                return Map.of("results", crowd(in.get("count").getAsInt(), text(in, "prefix"), text(in, "password")));
            case "begin_load":
                load = new Load(in.get("workers").getAsInt(), in.get("pause").getAsLong(), text(in, "username"), text(in, "password"));
                return Map.of("calls", 0);
            case "end_load":
                return load.end(in.get("at_least").getAsInt());
            default:
                throw new IllegalArgumentException(in.toString());
        }
    }

    public static void main(String[] arguments) throws Exception {
        var lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            Map<String, Object> answer;
            try {
                answer = perform(JsonParser.parseString(line).getAsJsonObject());
            } catch (StatusRuntimeException error) {
                answer = Map.of("error", details(error));
            }
            System.out.println(new Gson().toJson(answer));
        }
    }
}
