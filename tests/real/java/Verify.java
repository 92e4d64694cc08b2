import com.google.gson.Gson;
import com.google.gson.JsonParser;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.reflect.InvocationTargetException;
import java.util.HashMap;
import java.util.Map;

/** Asks one of the guide's verifiers about tokens: one a line of standard input, as {"token": …}. Answers {"claims": …} or {"refused": why}. */
public class Verify {
    public static void main(String[] arguments) throws Exception {
        Object verifier = Class.forName(arguments[0]).getConstructor().newInstance();
        var verify = verifier.getClass().getMethod("verify", String.class);
        var lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String token = JsonParser.parseString(line).getAsJsonObject().get("token").getAsString();
            Map<String, Object> answer;
            try {
                // Times are of many types.
                Map<String, Object> claims = (Map<String, Object>) verify.invoke(verifier, token);
                var shown = new HashMap<String, Object>(Map.of("sub", claims.get("sub")));
                // A service has none.
                shown.put("preferred_username", claims.get("preferred_username"));
                answer = Map.of("claims", shown);
            } catch (InvocationTargetException refused) {
                answer = Map.of("refused", refused.getCause().toString());
            }
            System.out.println(new Gson().toJson(answer));
        }
    }
}
