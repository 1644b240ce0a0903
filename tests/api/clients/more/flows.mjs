// What JavaScript's clients do with a server; `node flows.mjs CLIENT URL KEY MODEL`, as flows.py does it.
import { z } from "zod";

const [client, baseURL, apiKey, model] = process.argv.slice(2);
const person = z.object({ name: z.string().max(20), age: z.number().int().min(0) });
const city = z.object({ city: z.string() });
const some = (value) => {
  if (!value || !value.length) throw new Error("nothing came");
};

async function aiSdk() {
  const { createOpenAICompatible } = await import("@ai-sdk/openai-compatible");
  const ai = await import("ai");
  const provider = createOpenAICompatible({ name: "own", baseURL, apiKey, supportsStructuredOutputs: true });
  const given = { model: provider(model), temperature: 0, maxOutputTokens: 120, maxRetries: 0 };
  const tools = { weather: ai.tool({ description: "The weather of a city.", inputSchema: city }) };
  return {
    chat: async () => some((await ai.generateText({ ...given, prompt: "Say hello." })).text),
    stream: async () => some(await ai.streamText({ ...given, prompt: "Say hello." }).text),
    tools: async () => {
      const answer = await ai.generateText({ ...given, prompt: "Rome?", tools, toolChoice: "required" });
      city.parse(answer.toolCalls[0].input);
    },
    "tools streamed": async () => {
      const answer = ai.streamText({ ...given, prompt: "Rome?", tools, toolChoice: "required" });
      city.parse((await answer.toolCalls)[0].input);
    },
    structured: async () => {
      person.parse((await ai.generateObject({ ...given, schema: person, prompt: "Describe Ana." })).object);
    },
    embeddings: async () => {
      const embedding = { model: provider.textEmbeddingModel(model), values: ["a cat", "a dog"], maxRetries: 0 };
      some((await ai.embedMany(embedding)).embeddings);
    },
  };
}

async function langchainJs() {
  const { ChatOpenAI, OpenAIEmbeddings } = await import("@langchain/openai");
  const configuration = { baseURL };
  const made = () => new ChatOpenAI({ model, apiKey, configuration, temperature: 0, maxTokens: 120, maxRetries: 0 });
  const tools = [{ name: "weather", description: "The weather of a city.", schema: city }];
  return {
    chat: async () => some((await made().invoke("Say hello.")).content),
    stream: async () => {
      let text = "";
      for await (const part of await made().stream("Say hello.")) text += part.content;
      some(text);
    },
    tools: async () => {
      const bound = made().bindTools(tools, { tool_choice: "required" });
      city.parse((await bound.invoke("Rome?")).tool_calls[0].args);
    },
    "tools streamed": async () => {
      let whole;
      for await (const part of await made().bindTools(tools, { tool_choice: "required" }).stream("Rome?"))
        whole = whole ? whole.concat(part) : part;
      city.parse(whole.tool_calls[0].args);
    },
    structured: async () => {
      for (const method of ["jsonSchema", "functionCalling"])
        person.parse(await made().withStructuredOutput(person, { method }).invoke("Describe Ana."));
    },
    embeddings: async () =>
      some(await new OpenAIEmbeddings({ model, apiKey, configuration, maxRetries: 0 }).embedDocuments(["a", "b"])),
  };
}

const outcomes = {};
for (const [name, flow] of Object.entries(await { ai_sdk: aiSdk, langchain_js: langchainJs }[client]())) {
  try {
    await flow();
    outcomes[name] = "ok";
  } catch (error) {
    outcomes[name] = String(error).slice(-600);
  }
}
console.log("\n" + JSON.stringify(outcomes));
