// Where the UI begins.
import { createRoot } from "react-dom/client";
import { App } from "./app/app";
import "./app/index.css";
import { beginTheme } from "./app/theme";

beginTheme();
const root = document.getElementById("root");
if (root) createRoot(root).render(<App />);
