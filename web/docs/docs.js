// Starts Swagger UI on this server's own description.

/* global SwaggerUIBundle */

// Swagger UI is dark by a class, and leaves the choice to the page.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

// What Swagger UI shows otherwise than we want it.
const ours = ({ React }) => ({
  components: {
    // Links stand within buttons there, and a screen reader can't tell one from the other. The address has the link once an
    // operation is open.
    DeepLink: ({ text }) => React.createElement("span", null, text),
    // There is one server: the one that this page comes from.
    ServersContainer: () => null,
  },
  wrapComponents: {
    // The box of a request's body has no label.
    TextArea: (Original) => (properties) => React.createElement(Original, { "aria-label": "Request body", ...properties }),
    // The list of a response's examples has none either: its own text is next to it, and is made its label.
    ExamplesSelect: (Original) => (properties) =>
      React.createElement("label", null, React.createElement(Original, { ...properties, showLabels: true })),
  },
});

SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  plugins: [ours],
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  // The usual theme has numbers that are hard to read (a contrast of 3.5).
  syntaxHighlight: { theme: "tomorrow-night" },
  // A token that is kept would outlive the tab, where any script of this origin could read it.
  persistAuthorization: false,
  // Or else a link could make this page show, and send passwords to, another API.
  queryConfigEnabled: false,
  // The badge is a request to another host.
  validatorUrl: null,
  // One block for each message would be longer than all the rest; they are shown where they are used.
  defaultModelsExpandDepth: 0,
});
