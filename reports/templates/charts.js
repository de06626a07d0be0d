for (const spec of document.querySelectorAll("script[type='application/json']")) {
  const options = { mode: "vega-lite", renderer: "svg", ast: true, actions: false, defaultStyle: false, tooltip: { disableDefaultStyle: true } };
  window.vegaEmbed(spec.previousElementSibling, JSON.parse(spec.textContent), options).catch(console.error);
}
