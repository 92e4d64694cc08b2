import com.google.gson.Gson;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.oauth2.sdk.AccessTokenResponse;
import com.nimbusds.oauth2.sdk.GeneralException;
import com.nimbusds.oauth2.sdk.auth.ClientAuthentication;
import com.nimbusds.oauth2.sdk.auth.ClientSecretPost;
import com.nimbusds.oauth2.sdk.auth.Secret;
import com.nimbusds.oauth2.sdk.id.ClientID;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import org.springframework.security.oauth2.client.registration.ClientRegistration;
import org.springframework.security.oauth2.core.ClientAuthenticationMethod;
import org.springframework.security.oauth2.core.OAuth2AccessToken;

/** Asks for tokens with the guide's clients: one request a line of standard input, as test_oauth_clients.py has it. Argument: spring or nimbus. */
public class Service {
    static NimbusService nimbus;

    static String text(JsonObject in, String name) {
        return in.has(name) && !in.get(name).isJsonNull() ? in.get(name).getAsString() : null;
    }

    static Map<String, Object> nimbus(JsonObject in) throws Exception {
        if (nimbus == null) nimbus = new NimbusService();
        String id = text(in, "id"), key = text(in, "key"), token = text(in, "token"), scope = text(in, "scope"), audience = text(in, "audience");
        ClientAuthentication account = switch (text(in, "method")) {
            case "jwt" -> nimbus.withPrivateKey(id, ECKey.parse(in.get("jwk").toString()));
            case "post" -> new ClientSecretPost(new ClientID(id), new Secret(key));
            default -> nimbus.withKey(id, key);
        };
        switch (text(in, "op")) {
            case "token":
                return answer(nimbus.token(account, scope, audience));
            case "exchange":
                return answer(nimbus.actFor(account, token, scope, audience));
            case "introspect":
                return new HashMap<>(nimbus.introspect(account, token).toJSONObject());
            default:
                nimbus.revoke(account, token);
                return Map.of();
        }
    }

    static Map<String, Object> answer(AccessTokenResponse response) {
        return new HashMap<>(response.toJSONObject());
    }

    static Map<String, Object> answer(OAuth2AccessToken token) {
        var seconds = Duration.between(token.getIssuedAt(), token.getExpiresAt()).toSeconds();
        return Map.of("access_token", token.getTokenValue(), "token_type", token.getTokenType().getValue(), "expires_in", seconds,
            "scope", String.join(" ", token.getScopes()));
    }

    static Map<String, Object> spring(JsonObject in) throws Exception {
        String id = text(in, "id"), key = text(in, "key"), token = text(in, "token"), audience = text(in, "audience");
        String[] scope = text(in, "scope") == null ? new String[0] : text(in, "scope").split(" ");
        String method = text(in, "method");
        ClientRegistration account = method.equals("jwt") ? SpringService.withPrivateKey(id, scope) : SpringService.withKey(id, key, scope);
        if (method.equals("post")) {
            account = ClientRegistration.withClientRegistration(account).clientAuthenticationMethod(ClientAuthenticationMethod.CLIENT_SECRET_POST).build();
        }
        switch (text(in, "op")) {
            case "token":
                var manager = SpringService.manager(account, audience, method.equals("jwt") ? ECKey.parse(in.get("jwk").toString()) : null);
                var first = SpringService.token(manager);
                if (!SpringService.token(manager).getTokenValue().equals(first.getTokenValue())) throw new IllegalStateException("the token is not kept");
                return answer(first);
            case "exchange":
                var user = new OAuth2AccessToken(OAuth2AccessToken.TokenType.BEARER, token, Instant.now(), Instant.now().plusSeconds(60));
                return answer(SpringService.actFor(account, user, audience));
            case "introspect":
                var found = new HashMap<String, Object>();
                SpringService.introspector(id, key).introspect(token).getAttributes().forEach((name, value) -> found.put(name, value.toString()));
                return found;
            default:
                throw new IllegalArgumentException(in.toString());
        }
    }

    public static void main(String[] arguments) throws Exception {
        var lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            Map<String, Object> answer;
            try {
                var in = JsonParser.parseString(line).getAsJsonObject();
                answer = arguments[0].equals("spring") ? spring(in) : nimbus(in);
            } catch (GeneralException error) {
                answer = Map.of("error", error.toString() + " " + (error.getErrorObject() == null ? "" : error.getErrorObject().toString()));
            } catch (Exception error) {
                answer = Map.of("error", error.toString());
            }
            System.out.println(new Gson().toJson(answer));
        }
    }
}
