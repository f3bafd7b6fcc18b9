// The JDK's own HTTP server on a pool of eight threads, and its own client. Takes the options of propagation.py
// (`--fan-out` left out), and does the same. Started from its source: `java JdkService.java`.

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicReference;

public class JdkService {
    static final Map<String, String> given = new HashMap<>(Map.of("context", "forward", "polls", "0"));
    static final HttpClient client = HttpClient.newHttpClient();
    static final SecureRandom random = new SecureRandom();
    static final AtomicReference<List<String>> first = new AtomicReference<>();

    public static void main(String[] args) throws Exception {
        for (int i = 0; i < args.length; i++) {
            String[] option = args[i].substring(2).split("=", 2);
            boolean alone = option.length == 1 && !option[0].equals("after");
            given.put(option[0], alone ? args[++i] : option[option.length - 1]);
        }
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.createContext("/health", exchange -> answer(exchange, 200, "well\n"));
        server.createContext("/", JdkService::serve);
        server.start();
        double rate = Double.parseDouble(given.get("polls"));
        if (rate > 0) {
            Thread poller = new Thread(() -> poll(rate));
            poller.setDaemon(true);
            poller.start();
        }
        System.out.println("listening on 127.0.0.1:" + server.getAddress().getPort());
    }

    static void serve(HttpExchange exchange) throws IOException {
        String path = exchange.getRequestURI().getPath();
        String identifier = path.substring(path.lastIndexOf('/') + 1);
        List<String> lines = outgoing(exchange.getRequestHeaders());
        Runnable all = () -> {
            call("GET", given.get("calls") + "/" + identifier, lines);
            if (given.containsKey("also") && identifier.matches("\\d+") && Long.parseLong(identifier) % 4 == 0) {
                call("POST", given.get("also") + "/" + UUID.randomUUID(), lines);
            }
        };
        if (given.containsKey("after")) {
            answer(exchange, 200, "{}");
            all.run();
            return;
        }
        all.run();
        answer(exchange, 200, "{}");
    }

    /** The context lines of a call: names and values in turn. */
    static List<String> outgoing(Map<String, List<String>> received) {
        String context = given.get("context");
        List<String> lines = new ArrayList<>();
        if (context.equals("restart")) {
            return List.of("traceparent", "00-" + hex(16) + "-" + hex(8) + "-01");
        }
        List<String> parents = received.get("Traceparent");
        if (context.equals("stale") && (parents == null || first.get() != null)) {
            return first.get() == null ? lines : first.get();
        }
        if (context.equals("drop") || parents == null) {
            return lines;
        }
        String parent = parents.get(0);
        boolean continued = context.equals("continue");
        lines.add("traceparent");
        lines.add(continued ? parent.substring(0, 36) + hex(8) + parent.substring(52) : parent);
        List<String> states = received.get("Tracestate");
        if (states != null && !context.equals("traceparent")) {
            lines.add("tracestate");
            lines.add(String.join(",", states));
        }
        if (context.equals("stale") && !first.compareAndSet(null, lines)) {
            return first.get();
        }
        return lines;
    }

    static String hex(int length) {
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        return HexFormat.of().formatHex(bytes);
    }

    static void call(String method, String url, List<String> lines) {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url));
        if (!lines.isEmpty()) {
            request.headers(lines.toArray(String[]::new));
        }
        var body = method.equals("POST") ? HttpRequest.BodyPublishers.ofString("{}") : HttpRequest.BodyPublishers.noBody();
        try {
            client.send(request.method(method, body).build(), HttpResponse.BodyHandlers.ofByteArray());
        } catch (IOException | InterruptedException error) {
            throw new IllegalStateException(error);
        }
    }

    static void answer(HttpExchange exchange, int status, String text) throws IOException {
        exchange.sendResponseHeaders(status, text.length());
        exchange.getResponseBody().write(text.getBytes());
        exchange.close();
    }

    static void poll(double rate) {
        for (long number = 1; ; number++) {
            try {
                Thread.sleep((long) (1000 / rate));
                call("GET", given.get("calls") + "/" + number, List.of());
            } catch (InterruptedException error) {
                return;
            }
        }
    }
}
