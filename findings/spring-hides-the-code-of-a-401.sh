#!/usr/bin/env bash
# A token endpoint refuses a wrong secret as RFC 6749, section 5.2, says: 401 with {"error": "invalid_client"}. Which code does Spring
# Security's client give to the application (OAuth2AuthorizationException.getError().getErrorCode())?
#
# Guess: invalid_client, as the body says.
#
# Seen: invalid_token_response, as for a server that answers nonsense. Only a refusal with status 400 is read; the body of every other
# one is at best a part of the description, so that code that handles `invalid_client` never runs. A server that wants to be
# understood may answer 400 where the RFC leaves the choice (the secret was in the body); after a Basic header it must say 401.
#
#   400                            invalid_client
#   401 with a challenge           invalid_token_response
#   401 without one                invalid_token_response
#
# Versions: Spring Security 7.1.2 (spring-security-oauth2-client), Java 17. Seen on 2026-11-29. Takes Maven and a JDK.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>finding</groupId>
  <artifactId>finding</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.springframework.security</groupId><artifactId>spring-security-oauth2-client</artifactId><version>7.1.2</version></dependency>
    <dependency><groupId>org.springframework</groupId><artifactId>spring-web</artifactId><version>7.0.10</version></dependency>
    <dependency><groupId>com.fasterxml.jackson.core</groupId><artifactId>jackson-databind</artifactId><version>2.22.3</version></dependency>
  </dependencies>
</project>
XML
mvn --quiet --batch-mode org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=jars

cat >Ask.java <<'JAVA'
import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.util.Map;
import java.util.TreeMap;
import org.springframework.security.oauth2.client.endpoint.OAuth2ClientCredentialsGrantRequest;
import org.springframework.security.oauth2.client.endpoint.RestClientClientCredentialsTokenResponseClient;
import org.springframework.security.oauth2.client.registration.ClientRegistration;
import org.springframework.security.oauth2.core.AuthorizationGrantType;
import org.springframework.security.oauth2.core.OAuth2AuthorizationException;

public class Ask {
    static int status;
    static String challenge;

    public static void main(String[] arguments) throws Exception {
        var server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
        server.createContext("/", exchange -> {
            byte[] body = "{\"error\": \"invalid_client\"}".getBytes();
            exchange.getResponseHeaders().set("content-type", "application/json");
            if (challenge != null) exchange.getResponseHeaders().set("www-authenticate", challenge);
            exchange.sendResponseHeaders(status, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
        var account = ClientRegistration.withRegistrationId("x").clientId("me").clientSecret("wrong")
            .authorizationGrantType(AuthorizationGrantType.CLIENT_CREDENTIALS)
            .tokenUri("http://127.0.0.1:" + server.getAddress().getPort() + "/token").build();
        Map<String, String> seen = new TreeMap<>();
        for (String what : new String[] {"400", "401 with a challenge", "401 without one"}) {
            status = Integer.parseInt(what.substring(0, 3));
            challenge = what.contains("with a") ? "Basic realm=\"x\"" : null;
            try {
                new RestClientClientCredentialsTokenResponseClient().getTokenResponse(new OAuth2ClientCredentialsGrantRequest(account));
                throw new IllegalStateException("no error");
            } catch (OAuth2AuthorizationException error) {
                seen.put(what, error.getError().getErrorCode());
                System.out.println(what + ": " + error.getError().getErrorCode());
            }
        }
        server.stop(0);
        var expected = Map.of("400", "invalid_client", "401 with a challenge", "invalid_token_response", "401 without one", "invalid_token_response");
        System.exit(seen.equals(expected) ? 0 : 1);
    }
}
JAVA
javac -nowarn -proc:none -cp 'jars/*' Ask.java
timeout 60 java -cp 'jars/*:.' Ask
